import { Tabs } from 'radix-ui'
import { useState } from 'react'
import type { DeploymentQuery } from '../gql/graphql.ts'
import { samplesOf } from '../samples.ts'
import { toWord } from '../words.ts'
import { CopyButton } from './copy.tsx'

export type Endpoint = NonNullable<NonNullable<DeploymentQuery['deployment']>['endpoint']>

export function EndpointCard({ endpoint }: { endpoint: Endpoint }) {
  const usual = endpoint.urls.find(({ httpUrl }) => httpUrl === endpoint.httpUrl) ?? endpoint.urls[0]
  const [mode, setMode] = useState(usual?.mode)
  const urls = endpoint.urls.find((each) => each.mode === mode) ?? endpoint
  return (
    <section className="card section" aria-labelledby="endpoint-title">
      <div className="section-head">
        <h2 id="endpoint-title">Endpoint</h2>
        <fieldset className="chips">
          <legend className="hidden">Way of speaking</legend>
          {endpoint.urls.map((each) => (
            <button key={each.mode} type="button" className="chip" aria-pressed={each.mode === mode} onClick={() => setMode(each.mode)}>
              {toWord(each.mode)}
            </button>
          ))}
        </fieldset>
      </div>
      <dl className="urls">
        <Url label="HTTP" hint="POST a recording of up to a minute: WAV, MP3, M4A, …" value={urls.httpUrl} />
        <Url label="WebSocket" hint="for the Speech SDK: streams, with text while you speak" value={urls.webSocketUrl} />
        <Url label="Endpoint ID" hint="endpointId in the Speech SDK" value={endpoint.id} />
      </dl>
      <Samples {...urls} />
    </section>
  )
}

function Url({ label, hint, value }: { label: string; hint: string; value: string }) {
  return (
    <div className="url">
      <dt>
        {label} <span className="detail">{hint}</span>
      </dt>
      <dd>
        <code>{value}</code>
        <CopyButton text={value} what={label} />
      </dd>
    </div>
  )
}

function Samples(urls: { httpUrl: string; webSocketUrl: string }) {
  const samples = samplesOf(urls)
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
            <CopyButton text={code} what={`the ${name} sample`} />
          </div>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable with keys */}
          <pre tabIndex={0}>
            <code>{code}</code>
          </pre>
        </Tabs.Content>
      ))}
      <p className="hint">
        <code>KEY</code> is a key with the scope RECOGNIZE; make one under Keys.
      </p>
    </Tabs.Root>
  )
}
