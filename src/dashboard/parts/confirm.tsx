import { AlertDialog } from 'radix-ui'
import type { ReactNode } from 'react'
import { useFocusReturn } from '../focus.ts'

interface ConfirmProps {
  isOpen: boolean
  title: string
  children: ReactNode
  action: string
  /** The label of the button that cancels. */
  keep?: string
  close: () => void
  confirmed: () => void
}

/** Asks before an action that clients notice or that cannot be undone. The button that cancels has the initial focus. */
export function Confirm({ isOpen, title, children, action, keep = 'Keep it', close, confirmed }: ConfirmProps) {
  const returnFocus = useFocusReturn(isOpen)
  return (
    <AlertDialog.Root open={isOpen} onOpenChange={(open) => !open && close()}>
      <AlertDialog.Portal>
        <AlertDialog.Overlay className="overlay" />
        <AlertDialog.Content className="dialog" onCloseAutoFocus={returnFocus}>
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description asChild>
            <div>{children}</div>
          </AlertDialog.Description>
          <div className="dialog-actions">
            <AlertDialog.Cancel className="button">{keep}</AlertDialog.Cancel>
            <AlertDialog.Action className="danger button" onClick={confirmed}>
              {action}
            </AlertDialog.Action>
          </div>
        </AlertDialog.Content>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
