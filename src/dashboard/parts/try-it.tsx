import { type DragEvent, useRef, useState } from 'react'
import { formatBytes } from '../amounts.ts'
import { useDashboard } from '../dashboard.ts'
import { type Attempt, useTryIt } from '../speech/try-it.ts'
import { formatDuration } from '../time.ts'
import { toWord } from '../words.ts'
import type { Endpoint } from './endpoint.tsx'
import { FieldProblem } from './field.tsx'
import { Icon } from './icon.tsx'

/** Speak to the endpoint, or drop a recording, and read what it hears. */
export function TryIt({ endpoint }: { endpoint: Endpoint }) {
  const { mayRecognize } = useDashboard()
  const usual = endpoint.urls.find(({ httpUrl }) => httpUrl === endpoint.httpUrl) ?? endpoint.urls[0]
  const [mode, setMode] = useState(usual?.mode)
  const urls = endpoint.urls.find((each) => each.mode === mode) ?? endpoint
  const { attempts, listening, level, sendFiles, listen, finish } = useTryIt(urls)
  const picker = useRef<HTMLInputElement>(null)
  const [isOver, setOver] = useState(false)
  const drop = (event: DragEvent) => {
    event.preventDefault()
    setOver(false)
    void sendFiles([...event.dataTransfer.files].slice(0, 5))
  }
  return (
    <section className="card section" aria-labelledby="try-title">
      <div className="section-head">
        <h2 id="try-title">Try it</h2>
        <label className="inline">
          Way of speaking
          <select value={mode} onChange={(event) => setMode(endpoint.urls.find((each) => each.mode === event.target.value)?.mode)}>
            {endpoint.urls.map((each) => (
              <option key={each.mode} value={each.mode}>
                {toWord(each.mode)}
              </option>
            ))}
          </select>
        </label>
      </div>
      {mayRecognize ? (
        // biome-ignore lint/a11y/noStaticElementInteractions: dropping is the mouse's way; the buttons inside do the same
        <div
          className={isOver ? 'drop over' : 'drop'}
          onDragOver={(event) => {
            event.preventDefault()
            setOver(true)
          }}
          onDragLeave={() => setOver(false)}
          onDrop={drop}
        >
          {listening === 'no' ? (
            <button type="button" className="primary button" onClick={listen}>
              <Icon name="microphone" />
              Speak
            </button>
          ) : (
            <button type="button" className="danger button" onClick={finish} disabled={listening !== 'yes'}>
              <span className="level" style={{ scale: `1 ${0.15 + level * 0.85}` }} aria-hidden="true" />
              {listening === 'finishing' ? 'Finishing …' : 'Stop'}
            </button>
          )}
          <button type="button" className="button" onClick={() => picker.current?.click()}>
            <Icon name="file" />
            Choose a recording
          </button>
          <span className="detail">or drop one here: WAV, or what your browser can play, up to ten minutes</span>
          <input
            ref={picker}
            type="file"
            accept="audio/*,video/*,.wav"
            hidden
            aria-label="Recording"
            onChange={(event) => {
              const [file] = event.target.files ?? []
              if (file) void sendFiles([file])
              event.target.value = ''
            }}
          />
        </div>
      ) : (
        <p className="hint">Your key may not send audio: it lacks the scope RECOGNIZE.</p>
      )}
      <div className="attempts" role="log" aria-live="polite" aria-label="What the endpoint hears">
        {attempts.map((attempt) => (
          <AttemptView key={attempt.id} attempt={attempt} />
        ))}
      </div>
    </section>
  )
}

function AttemptView({ attempt }: { attempt: Attempt }) {
  const { name, state, phrases, hypothesis, problem, latencyMs, audioMs } = attempt
  const isSilent = state === 'done' && !problem && phrases.length === 0
  return (
    <article className={`attempt ${state}`}>
      <p className="heard">
        {phrases.map(({ id, text }) => (
          <span key={id}>{text} </span>
        ))}
        {hypothesis && <span className="hypothesis">{hypothesis} …</span>}
        {isSilent && <span className="muted">Nothing was said, or nothing was understood.</span>}
        {state === 'sending' && !hypothesis && phrases.length === 0 && <span className="muted">Listening …</span>}
      </p>
      <FieldProblem>{problem}</FieldProblem>
      {state === 'sending' && attempt.cancel && <Sending {...attempt} cancel={attempt.cancel} />}
      <p className="detail">
        {name}
        {state === 'canceled' && ' · canceled'}
        {audioMs !== undefined && ` · ${formatDuration(audioMs)} of audio`}
        {latencyMs !== undefined && <span className="latency"> · {formatDuration(latencyMs)}</span>}
        {latencyMs !== undefined && (name === 'Microphone' ? ' from the last word to its text' : ' to answer')}
      </p>
    </article>
  )
}

/** How much of a recording the endpoint has taken: it takes no more than it can recognize. Read out, it would drown the text. */
function Sending({ name, sentBytes = 0, sizeBytes = 0, cancel }: Attempt & { cancel: () => void }) {
  return (
    <div className="transfer" aria-live="off">
      <progress className="bar" max={sizeBytes || 1} value={sentBytes} aria-label={`Sending of ${name}`} />
      <span className="detail">
        {sentBytes < sizeBytes || !sizeBytes ? `${formatBytes(sentBytes)} of ${formatBytes(sizeBytes)} sent` : 'Sent, the rest is being recognized …'}
      </span>
      <button type="button" className="small button" aria-label={`Cancel ${name}`} onClick={cancel}>
        Cancel
      </button>
    </div>
  )
}
