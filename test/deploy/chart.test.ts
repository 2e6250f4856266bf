// The manifests of the Helm chart against the schemas of Kubernetes.
import { resolve } from 'node:path'
import * as apps from 'kubernetes-models/apps/v1'
import * as autoscaling from 'kubernetes-models/autoscaling/v2'
import * as batch from 'kubernetes-models/batch/v1'
import * as networking from 'kubernetes-models/networking.k8s.io/v1'
import * as policy from 'kubernetes-models/policy/v1'
import * as core from 'kubernetes-models/v1'
import { expect, test } from 'vitest'
import { renderChart } from './chart.ts'

const chart = resolve(import.meta.dirname, '../../deploy/helm/custom-speech')
const least = { publicUrl: 'https://speech.example', database: { url: 'postgres://user:pass@db/speech' } }
const most = {
  ...least,
  database: { existingSecret: 'speech-postgres', key: 'uri' },
  bootstrapKey: { value: 'cs_0123456789abcdefghijklmn' },
  imagePullSecrets: ['registry'],
  settings: { MAX_DEPLOYMENTS: '5000', ARTIFACT_STORE: 's3://speech' },
  objectStore: { existingSecret: 'speech-bucket', secretAccessKey: 'secret' },
  extraVolumes: [{ name: 'ca', secret: { secretName: 'database-ca' } }],
  extraVolumeMounts: [{ name: 'ca', mountPath: '/ca', readOnly: true }],
  extraEnvFrom: [{ secretRef: { name: 'more' } }],
  drainSeconds: 5,
  jobs: { minAvailable: 1, autoscaling: { enabled: true, selector: { exported_job: 'provision-deployment' } } },
  speech: {
    autoscaling: { enabled: true },
    nodeSelector: { disk: 'fast' },
    tolerations: [{ key: 'speech', operator: 'Exists' }],
    affinity: { nodeAffinity: {} },
    podAnnotations: { team: 'speech' },
  },
  ingress: { enabled: true, className: 'nginx', host: 'speech.example', tlsSecret: 'speech-tls' },
  networkPolicy: { enabled: true, from: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'ingress-nginx' } } }] },
}

const versions: Record<string, Record<string, any>> = {
  v1: core,
  'apps/v1': apps,
  'autoscaling/v2': autoscaling,
  'batch/v1': batch,
  'networking.k8s.io/v1': networking,
  'policy/v1': policy,
}

/** Throws for a manifest that its schema does not allow. */
function validate({ apiVersion, kind, ...rest }: any) {
  const Model = versions[apiVersion]?.[kind]
  expect(Model, `${apiVersion} ${kind}`).toBeDefined()
  new Model({ apiVersion, kind, ...rest }).validate()
}

const namesOf = (manifests: any[]) => manifests.map(({ kind, metadata }) => `${kind} ${metadata.name.replace('speech-custom-speech-', '')}`).sort()
const find = (manifests: any[], kind: string, end: string) => manifests.find((one) => one.kind === kind && one.metadata.name.endsWith(end))

test.each([
  ['the least values', least, 10],
  ['all values', most, 16],
])('with %s all manifests are valid', (_, values, count) => {
  const manifests = renderChart(chart, values)
  for (const manifest of manifests) validate(manifest)
  expect(namesOf(manifests)).toHaveLength(count)
  expect(new Set(namesOf(manifests)).size).toBe(count)
})

test('a manifest without a field or with a wrong type is refused', () => {
  const deployment = find(renderChart(chart, least), 'Deployment', '-api')
  expect(() => validate({ ...deployment, spec: { ...deployment.spec, replicas: 'two' } })).toThrow('replicas')
  expect(() => validate({ ...deployment, spec: { ...deployment.spec, selector: undefined } })).toThrow('selector')
})

test('pods run without root, without the right to write, and with secrets in files only', () => {
  const manifests = renderChart(chart, most)
  for (const pod of manifests.filter(({ kind }) => kind === 'Deployment' || kind === 'Job').map(({ spec }) => spec.template.spec)) {
    expect(pod).toMatchObject({ automountServiceAccountToken: false, securityContext: { runAsNonRoot: true, runAsUser: 1000 } })
    const [container] = pod.containers
    expect(container.securityContext).toMatchObject({ readOnlyRootFilesystem: true, allowPrivilegeEscalation: false })
    const mounts = container.volumeMounts.map(({ name }: any) => name)
    expect(pod.volumes.map(({ name }: any) => name).sort()).toEqual(mounts.sort())
    expect(container.env).toContainEqual({ name: 'DATABASE_URL_FILE', value: '/secrets/database/url' })
    expect(container).toMatchObject({ envFrom: most.extraEnvFrom, volumeMounts: expect.arrayContaining(most.extraVolumeMounts) })
    expect(JSON.stringify(container.env)).not.toMatch(/postgres:|cs_/)
  }
})

test('each role has its probes and settings, and time to stop', () => {
  const manifests = renderChart(chart, most)
  for (const role of ['api', 'jobs', 'speech']) {
    const { spec } = find(manifests, 'Deployment', `-${role}`)
    const { containers, terminationGracePeriodSeconds } = spec.template.spec
    expect(containers[0].env).toContainEqual({ name: 'ROLES', value: role })
    expect(containers[0].env).toContainEqual({ name: 'INTERNAL_URL', value: 'http://speech-custom-speech-speech:4000' })
    expect(containers[0].env).toContainEqual({ name: 'MAX_DEPLOYMENTS', value: '5000' })
    expect(['startupProbe', 'readinessProbe', 'livenessProbe'].map((probe) => containers[0][probe].httpGet.path)).toEqual(['/ready', '/ready', '/health'])
    expect(terminationGracePeriodSeconds).toBe(5 + 30 + 15)
    // A HorizontalPodAutoscaler sets the replicas.
    expect(spec.replicas).toBe(role === 'api' ? 2 : undefined)
    const selector = { 'app.kubernetes.io/instance': 'speech', 'app.kubernetes.io/component': role }
    expect(find(manifests, 'Service', `-${role}`).spec.selector).toMatchObject(selector)
    expect(find(manifests, 'PodDisruptionBudget', `-${role}`).spec.selector.matchLabels).toMatchObject(selector)
    expect(spec.template.metadata.labels).toMatchObject(selector)
  }
})

test('the ingress sends the speech routes to the speech role, and everything else to the api role', () => {
  const { paths } = find(renderChart(chart, most), 'Ingress', '').spec.rules[0].http
  expect(paths.map(({ path, backend }: any) => [path, backend.service.name.replace('speech-custom-speech-', '')])).toEqual([
    ['/speech', 'speech'],
    ['/stt', 'speech'],
    ['/sts', 'speech'],
    ['/v1', 'speech'],
    ['/metrics', 'nothing'],
    ['/', 'api'],
  ])
})

test('the ingress shows no figures and logs no keys', () => {
  const manifests = renderChart(chart, most)
  const { metadata, spec } = find(manifests, 'Ingress', '')
  expect(metadata.annotations['nginx.ingress.kubernetes.io/enable-access-log']).toBe('false')
  expect(spec.rules[0].http.paths.find(({ path }: any) => path === '/metrics')).toMatchObject({ pathType: 'Exact' })
  // Such a service has no pods.
  expect(find(manifests, 'Service', '-nothing').spec.selector).toBeUndefined()
})

test('the account of the object store is a secret in files', () => {
  const { containers, volumes } = find(renderChart(chart, most), 'Deployment', '-api').spec.template.spec
  expect(containers[0].env).toContainEqual({ name: 'AWS_ACCESS_KEY_ID_FILE', value: '/secrets/object-store/access-key-id' })
  expect(containers[0].env).toContainEqual({ name: 'AWS_SECRET_ACCESS_KEY_FILE', value: '/secrets/object-store/secret-access-key' })
  expect(volumes.find(({ name }: any) => name === 'object-store').secret).toMatchObject({
    secretName: 'speech-bucket',
    items: [
      { key: 'access-key-id', path: 'access-key-id' },
      { key: 'secret', path: 'secret-access-key' },
    ],
  })
})

test('the jobs role scales by the age of the oldest job that the selector names', () => {
  const { metric } = find(renderChart(chart, most), 'HorizontalPodAutoscaler', '-jobs').spec.metrics[0].external
  expect(metric).toEqual({ name: 'custom_speech_queue_oldest_job_seconds', selector: { matchLabels: { exported_job: 'provision-deployment' } } })
})

test.each([
  ['upgrades, since the chart creates the secret at the installation', least, 'pre-upgrade'],
  ['installations and upgrades with an existing secret', most, 'pre-install,pre-upgrade'],
])('the migration is a hook before %s', (_, values, hook) => {
  const job = find(renderChart(chart, values), 'Job', '-migrate')
  expect(job.metadata.annotations['helm.sh/hook']).toBe(hook)
  // A secret that the chart creates does not exist yet.
  expect(JSON.stringify(job)).not.toContain('bootstrap')
  expect(job.spec.template.spec.containers[0].command).toEqual(['node', 'src/cli/custom-speech.mjs', 'migrate'])
})

test.each([
  [{ database: { url: 'postgres://db/speech' } }, 'Set publicUrl'],
  [{ publicUrl: 'https://speech.example' }, 'Set database.existingSecret or database.url'],
])('missing values are named: %j', (values, message) => {
  expect(() => renderChart(chart, values)).toThrow(message)
})
