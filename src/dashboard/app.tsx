import { Suspense, useEffect, useState } from 'react'
import { useClient, useQuery } from 'urql'
import { isSignedOut, toReadWords } from './api/client.ts'
import { toVariables } from './api/list.ts'
import type { Live } from './api/live.ts'
import { useRetry } from './api/retry.ts'
import { currentPath } from './base.ts'
import { DashboardContext } from './dashboard.ts'
import { likelyLocale } from './format/locale.ts'
import { type DeploymentsQueryVariables, StartDocument, type StartQuery } from './gql/graphql.ts'
import { useLast } from './last.ts'
import { lazyPage } from './lazy-page.tsx'
import { DeploymentsPage } from './pages/deployments.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { Loading, Problem } from './parts/problem.tsx'
import { Shell } from './parts/shell.tsx'
import { Link, usePath } from './route.ts'
import { useTitle } from './title.ts'

// The first page needs none of these.
const CreatePage = lazyPage(() => import('./pages/create.tsx'))
const DeploymentPage = lazyPage(() => import('./pages/deployment.tsx'))
const KeysPage = lazyPage(() => import('./pages/keys.tsx'))
const ModelsPage = lazyPage(() => import('./pages/models.tsx'))

/** Reads the viewer first; everything else comes after that. */
export function App({ live, problem }: { live: Live; problem: string | undefined }) {
  const [variables, setVariables] = useState(startVariables)
  const [{ data: read, error }, ask] = useQuery({ query: StartDocument, variables, requestPolicy: 'network-only' })
  const data = useLast(read)
  useRetry(isSignedOut(error) ? undefined : error, ask)
  const [isLockedOut, setLockedOut] = useState(false)
  const again = () => {
    setLockedOut(false)
    ask()
  }
  // When the list that the URL asks for is refused, the list says so; the rest of the page still works.
  if (error?.graphQLErrors.length && !isSignedOut(error) && 'where' in variables) setVariables({ first: 1 })
  if (isLockedOut || isSignedOut(error))
    return <SignInPage problem={isLockedOut ? 'The key has been revoked or has expired. Sign in with another one.' : problem} signedIn={again} />
  if (data) return <SignedIn key={data.viewer.key.id} live={live} start={data} lockedOut={() => setLockedOut(true)} />
  if (error)
    return (
      <main>
        <Problem title="Can’t reach the server" message={toReadWords(error)} again={ask} />
      </main>
    )
  return null
}

const startVariables = (): DeploymentsQueryVariables =>
  currentPath() === '/' ? toVariables(new URLSearchParams(location.search), likelyLocale()) : { first: 1 }

function SignedIn({ live, start, lockedOut }: { live: Live; start: StartQuery; lockedOut: () => void }) {
  const api = useClient()
  // The first cursor counts: from then on the stream knows better.
  const [first] = useState(start)
  const [tell] = useState(() => lockedOut)
  useEffect(() => {
    const ending = new AbortController()
    void live.follow(api, first.deployments.changesCursor, ending.signal, tell)
    return () => ending.abort()
  }, [api, live, first, tell])
  const { viewer } = start
  const may = (scope: string) => viewer.scopes.some((has) => has === scope)
  return (
    <DashboardContext value={{ live, viewer, mayManage: may('MANAGE'), mayRecognize: may('RECOGNIZE') }}>
      <Shell>
        <Suspense fallback={<Loading />}>
          <CurrentPage path={usePath()} />
        </Suspense>
      </Shell>
    </DashboardContext>
  )
}

function CurrentPage({ path }: { path: string }) {
  const [, room, id, ...rest] = path.split('/')
  if (room === 'deployments' ? !id || rest.length : id !== undefined) return <NotFound />
  if (room === '') return <DeploymentsPage />
  if (room === 'new') return <CreatePage />
  if (room === 'models') return <ModelsPage />
  if (room === 'keys') return <KeysPage />
  if (room === 'deployments' && id) return <DeploymentPage key={id} id={decode(id)} />
  return <NotFound />
}

/** The part of a path as it was before it was encoded; itself when it is no encoding. */
function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function NotFound() {
  useTitle('Page not found')
  return (
    <Problem title="Page not found" message="The link may be wrong, or the page may have moved.">
      <Link className="button" href="/">
        Go to deployments
      </Link>
    </Problem>
  )
}
