import { renderGraphiQL } from '@graphql-yoga/render-graphiql'

const options = {
  title: 'custom-speech',
  // As its other requests, so that the headers of its pane count for subscriptions as well.
  subscriptionsProtocol: 'SSE' as const,
  defaultQuery: `# Press the play button. Then create a deployment with createDeployment and watch it
# with deploymentStatusChanged; the schema on the left describes every field.
query Models {
  models {
    nodes { id kind name locale scenario }
  }
  deployments {
    nodes { id name status endpoint { httpUrl webSocketUrl } }
  }
}
`,
}

/**
 * The key comes in the link's fragment, which browsers never send anywhere. It leaves the address bar
 * at once and stays in this tab; every request of the page carries it. Without one, the dashboard's sign-in counts.
 */
const signIn = `(() => {
  const linked = new URLSearchParams(location.hash.slice(1)).get('key')
  if (linked) {
    sessionStorage.setItem('custom-speech-key', linked)
    history.replaceState(null, '', location.pathname + location.search)
  }
  const key = sessionStorage.getItem('custom-speech-key')
  // By GET a long subscription would not fit into the address.
  return { method: 'POST', additionalHeaders: { 'x-requested-with': 'graphiql', ...(key && { authorization: 'Bearer ' + key }) } }
})()`

let page: string | undefined

/** GraphiQL with everything it needs in one page, so that it works without the internet. */
export function renderGraphiQLPage(): string {
  page ??= renderGraphiQL(options).replace(JSON.stringify(options), () => `{ ...${JSON.stringify(options)}, ...${signIn} }`)
  return page
}
