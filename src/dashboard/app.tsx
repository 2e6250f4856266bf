import { Suspense, useEffect, useState } from 'react'
import { useClient, useQuery } from 'urql'
import { isSignedOut, toReadMessage } from './api/client.ts'
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
import { Loading, ProblemPage } from './parts/problem.tsx'
import { Shell } from './parts/shell.tsx'
import { Link, usePath } from './route.ts'
import { useTitle } from './title.ts'

// These pages are not part of the first load.
const ComparePage = lazyPage(() => import('./pages/compare.tsx'))
const CreatePage = lazyPage(() => import('./pages/create.tsx'))
const DeletedPage = lazyPage(() => import('./pages/deleted.tsx'))
const DeploymentPage = lazyPage(() => import('./pages/deployment.tsx'))
const EvaluationPage = lazyPage(() => import('./pages/evaluation.tsx'))
const KeysPage = lazyPage(() => import('./pages/keys.tsx'))
const ModelPage = lazyPage(() => import('./pages/model.tsx'))
const ModelsPage = lazyPage(() => import('./pages/models.tsx'))
const TestSetPage = lazyPage(() => import('./pages/test-set.tsx'))
const TestSetsPage = lazyPage(() => import('./pages/test-sets.tsx'))

/** Reads the viewer and the first page of the list, then shows the sign-in or the signed-in page. */
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
  // If the list of the URL is refused, the page works without the list, which then shows the refusal.
  if (error?.graphQLErrors.length && !isSignedOut(error) && 'where' in variables) setVariables({ first: 1 })
  if (isLockedOut || isSignedOut(error))
    return <SignInPage problem={isLockedOut ? 'The key has been revoked or has expired. Sign in with another key.' : problem} signedIn={again} />
  if (data) return <SignedIn key={data.viewer.key.id} live={live} start={data} lockedOut={() => setLockedOut(true)} />
  if (error)
    return (
      <main>
        <ProblemPage title="Can’t reach the server" message={toReadMessage(error)} again={ask} />
      </main>
    )
  return null
}

const startVariables = (): DeploymentsQueryVariables =>
  currentPath() === '/' ? toVariables(new URLSearchParams(location.search), likelyLocale()) : { first: 1 }

function SignedIn({ live, start, lockedOut }: { live: Live; start: StartQuery; lockedOut: () => void }) {
  const api = useClient()
  // The stream begins behind the first cursor. Later reads of the list do not move it.
  const [first] = useState(start)
  const [lock] = useState(() => lockedOut)
  useEffect(() => {
    const ending = new AbortController()
    void live.follow(api, first.deployments.changesCursor, ending.signal, lock)
    return () => ending.abort()
  }, [api, live, first, lock])
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

/** Pages of one thing, whose id is in the path. */
const withId = ['deployments', 'evaluations', 'models', 'test-sets']
/** Those that have a list at the path without an id. */
const withList = ['models', 'test-sets']

function CurrentPage({ path }: { path: string }) {
  const [, page = '', id, ...rest] = path.split('/')
  if (rest.length || (id === undefined ? withId.includes(page) && !withList.includes(page) : !id || !withId.includes(page))) return <NotFound />
  if (page === '') return <DeploymentsPage />
  if (page === 'compare') return <ComparePage />
  if (page === 'new') return <CreatePage />
  if (page === 'deleted') return <DeletedPage />
  if (page === 'models') return id === undefined ? <ModelsPage /> : <ModelPage key={id} id={decode(id)} />
  if (page === 'keys') return <KeysPage />
  if (page === 'test-sets') return id === undefined ? <TestSetsPage /> : <TestSetPage key={id} id={decode(id)} />
  if (page === 'evaluations' && id) return <EvaluationPage key={id} id={decode(id)} />
  if (page === 'deployments' && id) return <DeploymentPage key={id} id={decode(id)} />
  return <NotFound />
}

/** Decodes a part of a path; returns an invalid encoding unchanged. */
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
    <ProblemPage title="Page not found" message="The link may be wrong, or the page may have moved.">
      <Link className="button" href="/">
        Go to deployments
      </Link>
    </ProblemPage>
  )
}
