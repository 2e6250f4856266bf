import { type DragEvent, useRef, useState } from 'react'
import { useDashboard } from '../dashboard.ts'
import { formatBytes } from '../format/amounts.ts'
import { formatDuration, useNow } from '../format/time.ts'
import { toWord } from '../format/words.ts'
import { type Attempt, useTryIt } from '../speech/try-it.ts'
import { CopyButton } from './copy.tsx'
import type { ModeChoice, ServedEndpoint } from './endpoint.tsx'
import { ProblemText } from './field.tsx'
import { Icon } from './icon.tsx'

/** Sends speech or a recording to the endpoint and shows the text. */
export function TryIt({ endpoint, mode, choose }: { endpoint: ServedEndpoint } & ModeChoice) {
  const { mayRecognize } = useDashboard()
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
          Recognition mode
          <select value={mode} onChange={(event) => choose(endpoint.urls.find((each) => each.mode === event.target.value)?.mode)}>
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
              {listening === 'finishing' ? 'Finishing…' : 'Stop'}
            </button>
          )}
          <button type="button" className="button" onClick={() => picker.current?.click()}>
            <Icon name="file" />
            Choose a recording
          </button>
          <span className="detail">or drop one here: WAV or any audio your browser can play, up to ten minutes</span>
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
        <p className="hint">Your key can’t send audio. Sign in with a key that has the Recognize permission.</p>
      )}
      <div className="attempts" role="log" aria-live="polite" aria-label="Recognized text">
        {attempts.map((attempt) => (
          <AttemptView key={attempt.id} attempt={attempt} />
        ))}
      </div>
    </section>
  )
}

function AttemptView({ attempt }: { attempt: Attempt }) {
  const { name, state, began, phrases, hypothesis, problem, latencyMs, audioMs } = attempt
  const isSilent = state === 'done' && !problem && phrases.length === 0
  return (
    <article className={`attempt ${state}`}>
      <p className="heard">
        {phrases.map(({ id, text }) => (
          <span key={id}>{text} </span>
        ))}
        {hypothesis && <span className="hypothesis">{hypothesis}…</span>}
        {isSilent && <span className="muted">No speech detected.</span>}
        {state === 'sending' && !hypothesis && phrases.length === 0 && <WaitingText began={began} />}
      </p>
      <ProblemText>{problem}</ProblemText>
      {state === 'sending' && attempt.cancel && <Sending {...attempt} cancel={attempt.cancel} />}
      <p className="detail">
        {name}
        {state === 'canceled' && ' · canceled'}
        {audioMs !== undefined && ` · ${formatDuration(audioMs)} of audio`}
        {latencyMs !== undefined && <span className="latency"> · {formatDuration(latencyMs)}</span>}
        {latencyMs !== undefined && (name === 'Microphone' ? ' from the last word to its text' : ' to answer')}
      </p>
      {state !== 'sending' && phrases.length > 0 && <CopyButton text={phrases.map(({ text }) => text).join(' ')} noun={`the text of ${name}`} />}
    </article>
  )
}

/** The progress of sending a recording. Screen readers do not announce it, because they announce the text. */
function Sending({ name, sentBytes = 0, sizeBytes = 0, cancel }: Attempt & { cancel: () => void }) {
  return (
    <div className="transfer" aria-live="off">
      <progress className="bar" max={sizeBytes || 1} value={sentBytes} aria-label={`Upload of ${name}`} />
      <span className="detail">
        {sentBytes < sizeBytes || !sizeBytes ? `${formatBytes(sentBytes)} of ${formatBytes(sizeBytes)} sent` : 'Sent, recognizing the rest…'}
      </span>
      <button type="button" className="small button" aria-label={`Cancel ${name}`} onClick={cancel}>
        Cancel
      </button>
    </div>
  )
}

const longWaitMs = 5000

/** Shown before the first words. After five seconds it explains the delay. */
function WaitingText({ began }: { began: number }) {
  const isLong = useNow() - began > longWaitMs
  return <span className="muted">{isLong ? 'No text yet. If the recording contains speech, the server is busy and the text will follow.' : 'Listening…'}</span>
}
