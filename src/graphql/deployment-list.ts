import { type DeploymentFilter, listDeployments } from '../domain/deployment.ts'
import { listDeletedDeployments, restorableUntil } from '../domain/deployment-restoration.ts'
import type { DeploymentStatus } from '../postgres/deployment-tables.ts'
import type { DeletedDeploymentRow } from '../postgres/deployments/deleted-tables.ts'
import { builder } from './builder.ts'
import { DeploymentStatusEnum } from './deployment-status.ts'
import { decodeFilterId } from './node-id.ts'
import { OrderDirectionEnum, selects, unwrapPage } from './pagination.ts'
import { Deployment } from './refs.ts'

const DeploymentFilterInput = builder.inputType('DeploymentFilter', {
  description: 'A filter for deployments. A deployment must match every given condition.',
  fields: (t) => ({
    locale: t.field({ type: 'Locale', description: 'Only deployments for this locale.' }),
    statuses: t.field({ type: [DeploymentStatusEnum], description: 'Only deployments in one of these statuses.' }),
    modelId: t.id({
      description: 'Only deployments with this acoustic or language model. The server rejects an id that is not the id of a model (`BAD_USER_INPUT`).',
    }),
    text: t.string({
      description:
        'Only deployments with this text in the name or description. The comparison ignores case, invisible characters and compatibility forms, as for names.',
    }),
  }),
})

const DeploymentOrderInput = builder.inputType('DeploymentOrder', {
  description: 'The sort order of deployments. Deployments that compare equal are sorted by creation time.',
  fields: (t) => ({
    field: t.field({
      required: true,
      description: 'The sort field.',
      type: builder.enumType('DeploymentOrderField', {
        description: 'A field to sort deployments by.',
        values: {
          CREATED_AT: { description: 'The creation time.' },
          NAME: { description: 'The name. Accents and case count only between names that are otherwise equal. Numbers in names sort by value.' },
          STATUS: { description: 'The status, in the order of the enum values.' },
          UPDATED_AT: { description: 'The time of the last change.' },
        } as const,
      }),
    }),
    direction: t.field({ required: true, description: 'The sort direction.', type: OrderDirectionEnum }),
  }),
})

const StatusCount = builder.objectRef<{ status: DeploymentStatus; count: number }>('DeploymentStatusCount').implement({
  description: 'The number of deployments in a status.',
  fields: (t) => ({
    status: t.expose('status', { type: DeploymentStatusEnum, description: 'The status.' }),
    count: t.exposeInt('count', { description: 'The number of deployments in the status.' }),
  }),
})

const toFilter = (where: typeof DeploymentFilterInput.$inferInput | null | undefined): DeploymentFilter => ({
  ...where,
  modelId: where?.modelId == null ? null : decodeFilterId('where.modelId', ['AcousticModel', 'LanguageModel'], where.modelId),
})

builder.queryField('deployments', (t) =>
  t.connection(
    {
      type: Deployment,
      description: "The workspace's deployments. The default order is newest first.",
      args: {
        where: t.arg({ type: DeploymentFilterInput, description: 'Only deployments that match.' }),
        orderBy: t.arg({ type: DeploymentOrderInput, description: 'The sort order.' }),
      },
      resolve: (_, { where, ...args }, ctx, info) =>
        unwrapPage(listDeployments(ctx, { ...args, where: toFilter(where), withChangesCursor: selects(info, 'changesCursor') })),
    },
    {
      name: 'DeploymentConnection',
      description: 'A page of deployments.',
      fields: (c) => ({
        totalCount: c.int({ description: 'The number of deployments on all pages.', resolve: (page) => unwrapPage(page.totalCount()) }),
        statusCounts: c.field({
          type: [StatusCount],
          description:
            'The number of deployments in each status on all pages. The counts ignore the `statuses` of the filter and omit statuses without deployments.',
          resolve: (page) => unwrapPage(page.statusCounts()),
        }),
        changesCursor: c.string({
          description: 'The cursor of this page for `deploymentStatusChanged`. Pass the cursor as `after` to receive every change since the page was read.',
          resolve: (page) => page.changesCursor ?? '',
        }),
      }),
    },
    { name: 'DeploymentEdge', description: 'A deployment and its place in the list.' },
  ),
)

const DeletedDeployment = builder.objectRef<DeletedDeploymentRow>('DeletedDeployment').implement({
  description: 'A deleted deployment that `restoreDeployment` can restore.',
  fields: (t) => ({
    id: t.globalID({
      description: 'The `id` that the deployment had, and that the restored deployment has again.',
      resolve: ({ id }) => ({ type: 'Deployment', id }),
    }),
    name: t.exposeString('name', { description: 'The name at the time of the deletion.' }),
    description: t.exposeString('description', { description: 'The description at the time of the deletion.' }),
    locale: t.expose('locale', { type: 'Locale', description: 'The locale of the deployment.' }),
    deletedAt: t.expose('deletedAt', { type: 'DateTime', description: 'The time of the deletion.' }),
    restorableUntil: t.field({
      type: 'DateTime',
      description: 'The time until which the deployment can be restored.',
      resolve: restorableUntil,
    }),
  }),
})

builder.queryField('deletedDeployments', (t) =>
  t.connection(
    {
      type: DeletedDeployment,
      description: 'The deleted deployments of the workspace that can be restored, latest deletion first.',
      args: { locale: t.arg({ type: 'Locale', description: 'Only deployments for this locale.' }) },
      resolve: (_, args, ctx) => unwrapPage(listDeletedDeployments(ctx, args)),
    },
    {
      name: 'DeletedDeploymentConnection',
      description: 'A page of deleted deployments.',
      fields: (c) => ({ totalCount: c.int({ description: 'The number of deleted deployments on all pages.', resolve: (page) => page.totalCount() }) }),
    },
    { name: 'DeletedDeploymentEdge', description: 'A deleted deployment and its place in the list.' },
  ),
)
