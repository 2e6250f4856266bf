import { Dialog } from 'radix-ui'
import { type FormEvent, type ReactNode, useEffect, useRef } from 'react'
import { FieldProblem } from './field.tsx'

interface FormDialogProps {
  title: string
  action: string
  isBusy: boolean
  /** What is wrong with none of the fields in particular. */
  problem: string | undefined
  /** What took long to fill in is not to vanish with a stray click. */
  holds?: boolean
  close: () => void
  /** True when that is done and the dialog can go. */
  submit: () => Promise<boolean>
  children: ReactNode
}

export function FormDialog({ title, action, isBusy, problem, holds = false, close, submit, children }: FormDialogProps) {
  const isMounted = useRef(false)
  useEffect(() => {
    isMounted.current = true
    return () => {
      isMounted.current = false
    }
  }, [])
  const send = async (event: FormEvent) => {
    event.preventDefault()
    // Whoever has closed it meanwhile may have opened another one, which is not to go with it.
    if (!isBusy && (await submit()) && isMounted.current) close()
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
            <FieldProblem>{problem}</FieldProblem>
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
