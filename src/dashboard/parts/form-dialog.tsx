import { Dialog } from 'radix-ui'
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from 'react'
import { focusFirstProblem, useFocusReturn } from '../focus.ts'
import { Confirm } from './confirm.tsx'
import { DraftGuard } from './draft-guard.tsx'
import { FieldProblem } from './field.tsx'

interface FormDialogProps {
  title: string
  action: string
  isBusy: boolean
  /** A problem that belongs to none of the fields. */
  problem: string | undefined
  isRoomy?: boolean
  /** Shown in place of the form; only a button of its own closes it. */
  result?: ReactNode
  close: () => void
  /** True when the work is done and the dialog can close. */
  submit: () => Promise<boolean>
  children: ReactNode
}

/** A form in front of the page. A form that is filled in does not close on Esc or a stray click without a question. */
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
    // It may have been closed meanwhile, and another dialog opened that has to stay.
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
              {/* Problems stand at their fields, not in the browser's bubbles. */}
              <form ref={form} className="dialog-form" noValidate onSubmit={send} onChange={touch} onPaste={touch}>
                {children}
                <FieldProblem>{problem}</FieldProblem>
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
            The secret is not shown again. Copy it first.
          </DraftGuard>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
