import { DropdownMenu } from 'radix-ui'
import { useState } from 'react'
import { useDeploymentActions } from '../api/actions.ts'
import { useDashboard } from '../dashboard.ts'
import { mayCancel, mayResume, mayRetry, maySuspend } from '../format/words.ts'
import type { DeploymentRowFragment } from '../gql/graphql.ts'
import { navigate } from '../route.ts'
import { Confirm } from './confirm.tsx'
import { EditDeploymentDialog } from './edit-dialog.tsx'
import { Icon } from './icon.tsx'

export function DeploymentMenu({ deployment }: { deployment: DeploymentRowFragment }) {
  const { mayManage } = useDashboard()
  const { retry, cancel, suspend, resume, remove } = useDeploymentActions(deployment)
  const [asking, setAsking] = useState<'edit' | 'suspend' | 'delete'>()
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
            {maySuspend(status) && (
              <DropdownMenu.Item className="menu-item" disabled={!mayManage} onSelect={() => setAsking('suspend')}>
                Suspend…
              </DropdownMenu.Item>
            )}
            {mayResume(status) && (
              <DropdownMenu.Item className="menu-item" disabled={!mayManage} onSelect={resume}>
                Resume
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
      <SuspendConfirm deployment={deployment} isOpen={asking === 'suspend'} close={close} confirmed={suspend} />
      <DeleteConfirm deployment={deployment} isOpen={asking === 'delete'} close={close} confirmed={remove} />
    </>
  )
}

interface DeploymentConfirmProps {
  deployment: DeploymentRowFragment
  isOpen: boolean
  close: () => void
  confirmed: () => void
}

export function SuspendConfirm(props: DeploymentConfirmProps) {
  return (
    <Confirm {...props} title={`Suspend “${props.deployment.name}”?`} action="Suspend">
      Its URLs refuse all clients until you resume the deployment, which tests it again. The ID and the URLs stay the same.
    </Confirm>
  )
}

export function DeleteConfirm(props: DeploymentConfirmProps) {
  const { name, isServing } = props.deployment
  return (
    <Confirm {...props} title={`Delete “${name}”?`} action="Delete">
      {isServing && 'All clients lose access to its URLs at once. '}You can restore the deployment for a week, with the same ID and URLs.
    </Confirm>
  )
}
