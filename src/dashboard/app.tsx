import { lazy, Suspense, useEffect, useState } from 'react'
import { useClient, useQuery } from 'urql'
import { currentPath } from './base.ts'
import { isSignedOut, toWords } from './client.ts'
import { DashboardContext } from './dashboard.ts'
import { type DeploymentsQueryVariables, StartDocument, type StartQuery } from './gql/graphql.ts'
import { useLast } from './last.ts'
import { toVariables } from './list.ts'
import type { Live } from './live.ts'
import { likelyLocale } from './locale.ts'
import { CreatePage } from './pages/create.tsx'
import { DeploymentsPage } from './pages/deployments.tsx'
import { SignInPage } from './pages/sign-in.tsx'
import { Loading, Problem } from './parts/problem.tsx'
import { Shell } from './parts/shell.tsx'
import { usePath } from './route.ts'

// The first page needs none of these.
const DeploymentPage = lazy(() => import('./pages/deployment.tsx'))
const KeysPage = lazy(() => import('./pages/keys.tsx'))
const ModelsPage = lazy(() => import('./pages/models.tsx'))

/** Asks who is here; everything else comes after that. */
export function App({ live, problem }: { live: Live; problem: string | undefined }) {
  const [variables, setVariables] = useState(startVariables)
  const [{ data: read, error, fetching }, ask] = useQuery({ query: StartDocument, variables, requestPolicy: 'network-only' })
  const data = useLast(read)
  const [isLockedOut, setLockedOut] = useState(false)
  const again = () => {
    setLockedOut(false)
    ask()
  }
  // The list that the URL asks for is refused: that is for the list to say, not for everything.
  if (error?.graphQLErrors.length && !isSignedOut(error) && 'where' in variables) setVariables({ first: 1 })
  if (isLockedOut || isSignedOut(error))
    return <SignInPage problem={isLockedOut ? 'The key has been revoked or has expired. Sign in with another one.' : problem} signedIn={again} />
  if (data) return <SignedIn key={data.viewer.key.id} live={live} start={data} lockedOut={() => setLockedOut(true)} />
  if (error && !fetching) return <Problem title="The server cannot be asked" message={toWords(error)} again={ask} />
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
          <Page path={usePath()} />
        </Suspense>
      </Shell>
    </DashboardContext>
  )
}

function Page({ path }: { path: string }) {
  const [, room, id] = path.split('/')
  if (room === '') return <DeploymentsPage />
  if (room === 'new') return <CreatePage />
  if (room === 'models') return <ModelsPage />
  if (room === 'keys') return <KeysPage />
  if (room === 'deployments' && id) return <DeploymentPage key={id} id={decodeURIComponent(id)} />
  return <Problem title="There is nothing here" message="The address may be mistyped. The menu leads to everything that there is." />
}
