import { type FormEvent, useState } from 'react'
import { toAddress } from '../base.ts'
import { FieldProblem } from '../parts/field.tsx'
import { signIn } from '../session.ts'

export function SignInPage({ problem, signedIn }: { problem: string | undefined; signedIn: () => void }) {
  const [refusal, setRefusal] = useState(problem)
  const [isAsking, setAsking] = useState(false)
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault()
    const key = new FormData(event.currentTarget).get('key')
    setAsking(true)
    const refused = await signIn(String(key))
    setAsking(false)
    setRefusal(refused)
    if (!refused) signedIn()
  }
  return (
    <main className="sign-in">
      <img src={toAddress('/icon.svg')} alt="" width="44" height="44" />
      <h1>custom-speech</h1>
      <p>
        Open the link that <code>npm start</code> printed, or paste a key of your workspace.
      </p>
      <form onSubmit={submit} className="card form">
        <label htmlFor="key">Key</label>
        <input id="key" name="key" type="password" autoComplete="current-password" placeholder="cs_…" required aria-describedby="key-help" />
        <FieldProblem>{refusal}</FieldProblem>
        <p className="hint" id="key-help">
          The first key lies in <code>.data/bootstrap-key</code>. The browser keeps it sealed, in a cookie that no script can read.
        </p>
        <button type="submit" className="primary button" disabled={isAsking}>
          Sign in
        </button>
      </form>
    </main>
  )
}
