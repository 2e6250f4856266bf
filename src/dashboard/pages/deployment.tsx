export function DeploymentPage({ id }: { id: string }) {
  return <p>{id}</p>
}
