import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Provider } from 'urql'
import { signIn, takeLinkedKey } from './api/browser-session.ts'
import { createApi } from './api/client.ts'
import { Live } from './api/live.ts'
import { App } from './app.tsx'
import { withBase } from './base.ts'
import { keepFocus } from './focus.ts'

// Open dialogs add a style element, which the page's policy allows with this nonce.
Object.assign(globalThis, { __webpack_nonce__: document.querySelector<HTMLMetaElement>('meta[name=nonce]')?.content })

// If a tab already shows the page, the printed link changes only the fragment.
window.addEventListener('hashchange', () => {
  if (location.hash.startsWith('#key=')) location.reload()
})

// The icon's address is relative. Browsers resolve it again after each change of the path.
document.querySelector('link[rel=icon]')?.setAttribute('href', withBase('/icon.svg'))

keepFocus()

const root = document.getElementById('root')
if (!root) throw new Error('the page has no root')

const linkedKey = takeLinkedKey()
const problem = linkedKey ? await signIn(linkedKey) : undefined
const live = new Live()
createRoot(root).render(
  <StrictMode>
    <Provider value={createApi(live.connected)}>
      <App live={live} problem={problem} />
    </Provider>
  </StrictMode>,
)
