import { DropdownMenu } from 'radix-ui'
import { useState } from 'react'
import { useDeploymentActions } from '../api/actions.ts'
import { useDashboard } from '../dashboard.ts'
import { mayCancel, mayRetry } from '../format/words.ts'
import type { DeploymentRowFragment } from '../gql/graphql.ts'
import { navigate } from '../route.ts'
import { Confirm } from './confirm.tsx'
import { EditDeploymentDialog } from './edit-dialog.tsx'
import { Icon } from './icon.tsx'

export function DeploymentMenu({ deployment }: { deployment: DeploymentRowFragment }) {
  const { mayManage } = useDashboard()
  const { retry, cancel, remove } = useDeploymentActions(deployment)
  const [asking, setAsking] = useState<'edit' | 'delete'>()
  const close = () => setAsking(undefined)
  const { id, name, status } = deployment
  return (
    <>
      <DropdownMenu.Root modal={false}>
        <DropdownMenu.Trigger className="bare row-menu" aria-label={`Actions for ${name}`}>
          <Icon name="more" />
        </DropdownMenu.Trigger>
        <DropdownMenu.Portal>
          <DropdownMenu.Content className="menu" align="end" sideOffset={4} collisionPadding={8}>
            <DropdownMenu.Item className="menu-item" onSelect={() => navigate(`/deployments/${encodeURIComponent(id)}`)}>
              Details
            </DropdownMenu.Item>
            <DropdownMenu.Item className="menu-item" disabled={!mayManage} onSelect={() => setAsking('edit')}>
              Edit…
            </DropdownMenu.Item>
            {mayRetry(status) && (
              <DropdownMenu.Item className="menu-item" disabled={!mayManage} onSelect={retry}>
                Retry
              </DropdownMenu.Item>
            )}
            {mayCancel(status) && (
              <DropdownMenu.Item className="menu-item" disabled={!mayManage} onSelect={cancel}>
                Cancel
              </DropdownMenu.Item>
            )}
            <DropdownMenu.Separator className="menu-line" />
            <DropdownMenu.Item className="danger menu-item" disabled={!mayManage} onSelect={() => setAsking('delete')}>
              Delete…
            </DropdownMenu.Item>
          </DropdownMenu.Content>
        </DropdownMenu.Portal>
      </DropdownMenu.Root>
      {asking === 'edit' && <EditDeploymentDialog deployment={deployment} close={close} />}
      <DeleteConfirm deployment={deployment} isOpen={asking === 'delete'} close={close} confirmed={remove} />
    </>
  )
}

export function DeleteConfirm(props: { deployment: DeploymentRowFragment; isOpen: boolean; close: () => void; confirmed: () => void }) {
  const { name, isServing } = props.deployment
  return (
    <Confirm {...props} title={`Delete “${name}”?`} action="Delete">
      {isServing ? 'All clients lose access to its URLs at once.' : 'The log of the deployment is deleted as well.'} This cannot be undone.
    </Confirm>
  )
}
