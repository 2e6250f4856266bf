import { Dialog } from 'radix-ui'
import type { FormEvent, ReactNode } from 'react'

interface FormDialogProps {
  title: string
  action: string
  isBusy: boolean
  /** What is wrong with none of the fields in particular. */
  problem: string | undefined
  /** What took long to fill in is not to vanish with a stray click. */
  holds?: boolean
  close: () => void
  submit: () => Promise<unknown>
  children: ReactNode
}

export function FormDialog({ title, action, isBusy, problem, holds = false, close, submit, children }: FormDialogProps) {
  const send = (event: FormEvent) => {
    event.preventDefault()
    if (!isBusy) void submit()
  }
  return (
    <Dialog.Root open onOpenChange={(isOpen) => !isOpen && close()}>
      <Dialog.Portal>
        <Dialog.Overlay className="overlay" />
        <Dialog.Content
          className={holds ? 'roomy dialog' : 'dialog'}
          aria-describedby={undefined}
          onInteractOutside={(event) => holds && event.preventDefault()}
        >
          <Dialog.Title>{title}</Dialog.Title>
          <form className="dialog-form" onSubmit={send}>
            {children}
            {problem && (
              <p className="field-problem" role="alert">
                {problem}
              </p>
            )}
            <div className="dialog-actions">
              <Dialog.Close className="button">Cancel</Dialog.Close>
              <button type="submit" className="primary button" disabled={isBusy}>
                {action}
              </button>
            </div>
          </form>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  )
}
