import { type FormEvent, useEffect, useRef, useState } from 'react'
import { signIn } from '../api/browser-session.ts'
import { withBase } from '../base.ts'
import { ProblemText } from '../parts/field.tsx'
import { useTitle } from '../title.ts'

export function SignInPage({ problem, signedIn }: { problem: string | undefined; signedIn: () => void }) {
  const [refusal, setRefusal] = useState(problem)
  const [isAsking, setAsking] = useState(false)
  const [tries, setTries] = useState(0)
  const field = useRef<HTMLInputElement>(null)
  useTitle('Sign in · custom-speech')
  useEffect(() => {
    if (tries) field.current?.focus()
  }, [tries])
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const key = String(new FormData(event.currentTarget).get('key')).trim()
    setAsking(true)
    const refused = key ? await signIn(key) : 'Enter a key.'
    setAsking(false)
    setRefusal(refused)
    if (refused) setTries((count) => count + 1)
    else signedIn()
  }
  return (
    <main className="sign-in">
      <img src={withBase('/icon.svg')} alt="" width="44" height="44" />
      <h1>Sign in to custom-speech</h1>
      <p>
        Open the link that <code>npm start</code> printed, or paste a key of your workspace.
      </p>
      <form onSubmit={submit} className="card form" noValidate>
        <label htmlFor="key">Key</label>
        <input
          ref={field}
          id="key"
          name="key"
          type="password"
          autoComplete="current-password"
          placeholder="cs_…"
          required
          aria-invalid={refusal ? true : undefined}
          aria-describedby={refusal ? 'key-problem key-help' : 'key-help'}
        />
        <ProblemText id="key-problem">{refusal}</ProblemText>
        <p className="hint" id="key-help">
          The first key is in <code>.data/bootstrap-key</code>. The browser does not store the key, but a session in a cookie that scripts can’t read.
        </p>
        <button type="submit" className="primary button" disabled={isAsking}>
          Sign in
        </button>
      </form>
    </main>
  )
}
