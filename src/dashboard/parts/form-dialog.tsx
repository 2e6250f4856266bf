import { Dialog } from 'radix-ui'
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { focusFirstProblem, useFocusReturn } from '../focus.ts'
import { Confirm } from './confirm.tsx'
import { DraftGuard } from './draft-guard.tsx'
import { ProblemText } from './field.tsx'

interface FormDialogProps {
  title: string
  action: string
  isBusy: boolean
  /** A problem that belongs to none of the fields. */
  problem: string | undefined
  isRoomy?: boolean
  /** Shown in place of the form. Only the button within the result closes the dialog. */
  result?: ReactNode
  close: () => void
  /** Resolves with true when the dialog can close. */
  submit: () => Promise<boolean>
  children: ReactNode
}

/** A dialog with a form. After the first entry, Esc asks before it closes the dialog, and a click outside has no effect. */
export function FormDialog({ title, action, isBusy, problem, isRoomy = false, result, close, submit, children }: FormDialogProps) {
  const returnFocus = useFocusReturn()
  const [isDirty, setDirty] = useState(false)
  const [isAsking, setAsking] = useState(false)
  const form = useRef<HTMLFormElement>(null)
  const [refusals, setRefusals] = useState(0)
  useEffect(() => {
    if (refusals) focusFirstProblem(form.current)
  }, [refusals])
  const isMounted = useRef(false)
  useEffect(() => {
    isMounted.current = true
    return () => {
      isMounted.current = false
    }
  }, [])
  const send = async (event: FormEvent) => {
    event.preventDefault()
    if (isBusy) return
    const isDone = await submit()
    // The user has closed the dialog; `close` could close another one.
    if (!isMounted.current) return
    if (isDone) close()
    else setRefusals((count) => count + 1)
  }
  const touch = () => setDirty(true)
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className={isRoomy ? 'roomy dialog' : 'dialog'}
          aria-describedby={undefined}
          onCloseAutoFocus={returnFocus}
          onEscapeKeyDown={(event) => {
            if (!result && !isDirty) return
            event.preventDefault()
            setAsking(!result)
          }}
          onInteractOutside={(event) => (result || isDirty) && event.preventDefault()}
        >
          {result ?? (
            <>
              <Dialog.Title>{title}</Dialog.Title>
              {/* noValidate: problems appear at their fields, not in the browser's bubbles. */}
              <form ref={form} className="dialog-form" noValidate onSubmit={send} onChange={touch} onPaste={touch}>
                {children}
                <ProblemText>{problem}</ProblemText>
                <div className="dialog-actions">
                  <Dialog.Close className="button">Cancel</Dialog.Close>
                  <button type="submit" className="primary button" disabled={isBusy}>
                    {action}
                  </button>
                </div>
              </form>
            </>
          )}
          <Confirm isOpen={isAsking} title="Discard your changes?" action="Discard" keep="Keep editing" close={() => setAsking(false)} confirmed={close}>
            Your entries in “{title}” have not been saved.
          </Confirm>
          <DraftGuard isActive={isDirty && !result}>Your entries in “{title}” have not been saved.</DraftGuard>
          <DraftGuard isActive={Boolean(result)} title="Leave this page?" action="Leave" keep="Stay">
            The secret won’t be shown again. Copy it first.
          </DraftGuard>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
