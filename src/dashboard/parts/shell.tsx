import { DropdownMenu } from 'radix-ui'
import type { ReactNode } from 'react'
import { signOut } from '../api/browser-session.ts'
import { useConnection } from '../api/live.ts'
import { useDeploymentOutcomes } from '../api/outcomes.ts'
import { withBase } from '../base.ts'
import { useDashboard } from '../dashboard.ts'
import { Link, usePath } from '../route.ts'
import { Icon } from './icon.tsx'
import { News, tell } from './news.tsx'

const sections = [
  { href: '/', name: 'Deployments', paths: /^\/(new|deleted|deployments\/.*)?$/ },
  { href: '/models', name: 'Models', paths: /^\/models/ },
  { href: '/test-sets', name: 'Test sets', paths: /^\/(test-sets|evaluations|compare)/ },
  { href: '/keys', name: 'Keys', paths: /^\/keys/ },
]

/** The frame of every page: navigation, account menu and the state of the connection. */
export function Shell({ children }: { children: ReactNode }) {
  const path = usePath()
  useDeploymentOutcomes(useDashboard().live)
  return (
    <>
      <a className="skip" href="#content">
        Skip to the content
      </a>
      <header className="top">
        <Link href="/" className="brand">
          <img src={withBase('/icon.svg')} alt="" width="26" height="26" />
          custom-speech
        </Link>
        <nav aria-label="Main">
          {sections.map(({ href, name, paths }) => (
            <Link key={href} href={href} aria-current={paths.test(path) ? 'page' : undefined}>
              {name}
            </Link>
          ))}
        </nav>
        <ConnectionStatus />
        <AccountMenu />
      </header>
      <main id="content" tabIndex={-1}>
        {children}
      </main>
      <News />
    </>
  )
}

const connectionWords = { connecting: 'Connecting', live: 'Live', lost: 'Reconnecting…' }

function ConnectionStatus() {
  const connection = useConnection(useDashboard().live)
  return (
    <span className={`connection ${connection}`} role="status">
      {connection === 'lost' ? <Icon name="warning" /> : <span className="dot" aria-hidden="true" />}
      <span className="word">{connectionWords[connection]}</span>
      {connection === 'lost' && <span className="wide">This page may be out of date.</span>}
    </span>
  )
}

/** The server's setting GRAPHIQL, which the server writes into the page. */
const hasGraphiQL = document.querySelector<HTMLMetaElement>('meta[name=graphiql]')?.content !== 'off'

function AccountMenu() {
  const { viewer } = useDashboard()
  return (
    <DropdownMenu.Root modal={false}>
      <DropdownMenu.Trigger className="quiet button account">
        <Icon name="key" />
        <span className="wide">{viewer.workspace.name}</span>
        <Icon name="down" />
        <span className="hidden">Account</span>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content className="menu" align="end" sideOffset={6} collisionPadding={8}>
          <DropdownMenu.Label className="menu-label">
            Signed in with the key <strong>{viewer.key.name}</strong>
            <code>{viewer.key.prefix}…</code>
          </DropdownMenu.Label>
          <DropdownMenu.Separator className="menu-line" />
          {hasGraphiQL && (
            <DropdownMenu.Item asChild className="menu-item">
              <a href={withBase('/graphql')}>Explore the API</a>
            </DropdownMenu.Item>
          )}
          <DropdownMenu.Item className="menu-item" onSelect={() => void signOut().then((problem) => problem && tell(problem, { isProblem: true }))}>
            Sign out
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  )
}
