import { Tabs } from 'radix-ui'
import type { ReactNode } from 'react'
import { toOpenAiUrl, toSampleTabs } from '../format/samples.ts'
import { audioFormats, toWord } from '../format/words.ts'
import type { DeploymentQuery } from '../gql/graphql.ts'
import { Link } from '../route.ts'
import { CopyButton } from './copy.tsx'

export type ServedEndpoint = NonNullable<NonNullable<DeploymentQuery['deployment']>['endpoint']>
type Mode = ServedEndpoint['urls'][number]['mode']

/** The recognition mode of the page, shared by its cards. */
export interface ModeChoice {
  mode: Mode | undefined
  choose: (mode: Mode | undefined) => void
}

export function EndpointCard({ endpoint, mode, choose }: { endpoint: ServedEndpoint } & ModeChoice) {
  const urls = endpoint.urls.find((each) => each.mode === mode) ?? endpoint
  return (
    <section className="card section" aria-labelledby="endpoint-title">
      <div className="section-head">
        <h2 id="endpoint-title">Endpoint</h2>
        <fieldset className="chips">
          <legend className="hidden">Recognition mode</legend>
          {endpoint.urls.map((each) => (
            <button key={each.mode} type="button" className="chip" aria-pressed={each.mode === mode} onClick={() => choose(each.mode)}>
              {toWord(each.mode)}
            </button>
          ))}
        </fieldset>
      </div>
      <dl className="urls">
        <Url label="HTTP" hint={`POST a recording of up to a minute: ${audioFormats}`} value={urls.httpUrl} />
        <Url label="WebSocket" hint="for the Speech SDK: streams audio, returns text while you speak" value={urls.webSocketUrl} />
        <Url label="OpenAI base URL" hint="for OpenAI’s clients, with the endpoint ID as the model" value={toOpenAiUrl(urls)} />
        <Url label="Endpoint ID" hint="endpointId in the Speech SDK, model in OpenAI’s clients" value={endpoint.id} />
      </dl>
      <Samples id={endpoint.id} httpUrl={urls.httpUrl} webSocketUrl={urls.webSocketUrl} />
    </section>
  )
}

function Url({ label, hint, value }: { label: string; hint: ReactNode; value: string }) {
  return (
    <div className="url">
      <dt>
        {label} <span className="detail">{hint}</span>
      </dt>
      <dd>
        <code>{value}</code>
        <CopyButton text={value} noun={label} />
      </dd>
    </div>
  )
}

function Samples(endpoint: { id: string; httpUrl: string; webSocketUrl: string }) {
  const samples = toSampleTabs(endpoint)
  return (
    <Tabs.Root defaultValue="curl">
      <Tabs.List className="tabs" aria-label="Samples">
        {samples.map(({ name }) => (
          <Tabs.Trigger key={name} value={name} className="tab">
            {name}
          </Tabs.Trigger>
        ))}
      </Tabs.List>
      {samples.map(({ name, needs, code }) => (
        <Tabs.Content key={name} value={name} className="sample">
          <div className="sample-head">
            <span className="detail">{needs}</span>
            <CopyButton text={code} noun={`the ${name} sample`} />
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling area must be reachable with keys */}
          <pre tabIndex={0}>
            <code>{code}</code>
          </pre>
        </Tabs.Content>
      ))}
      <p className="hint">
        The samples read a recording <code>speech.wav</code> and take the key from the variable <code>KEY</code>. Any key with the Recognize permission works:{' '}
        <Link href="/keys">create one on the Keys page</Link>.
      </p>
    </Tabs.Root>
  )
}
