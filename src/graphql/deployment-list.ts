import { countStatuses, type DeploymentFilter, listDeployments } from '../domain/deployment.ts'
import type { DeploymentStatus } from '../postgres/deployment-tables.ts'
import { builder } from './builder.ts'
import { OrderDirectionEnum, selects, unwrapPage } from './connection.ts'
import { DeploymentStatusEnum } from './deployment-status.ts'
import { decodeFilterId } from './node-id.ts'
import { Deployment } from './refs.ts'

const DeploymentFilterInput = builder.inputType('DeploymentFilter', {
  description: 'Only deployments that match everything given here.',
  fields: (t) => ({
    locale: t.field({ type: 'Locale', description: 'Only those that recognize this speech.' }),
    statuses: t.field({ type: [DeploymentStatusEnum], description: 'Only those in one of these statuses.' }),
    modelId: t.id({ description: 'Only those with this acoustic or language model. An id that is not one of a model is refused (`BAD_USER_INPUT`).' }),
    text: t.string({
      description:
        'Only those with this text in their name or description; compared as names are, so case, invisible characters and compatibility forms do not count.',
    }),
  }),
})

const DeploymentOrderInput = builder.inputType('DeploymentOrder', {
  description: 'How to sort deployments; equal ones are sorted by their creation.',
  fields: (t) => ({
    field: t.field({
      required: true,
      description: 'What to sort by.',
      type: builder.enumType('DeploymentOrderField', {
        description: 'What deployments can be sorted by.',
        values: {
          CREATED_AT: { description: 'When they were created.' },
          NAME: { description: 'Their name; accents and case count only between names that are otherwise equal, and numbers in names count by their value.' },
          STATUS: { description: 'Their status, in the order of its values.' },
          UPDATED_AT: { description: 'When they last changed.' },
        } as const,
      }),
    }),
    direction: t.field({ required: true, description: 'Which end comes first.', type: OrderDirectionEnum }),
  }),
})

const StatusCount = builder.objectRef<{ status: DeploymentStatus; count: number }>('DeploymentStatusCount').implement({
  description: 'How many deployments are in a status.',
  fields: (t) => ({
    status: t.expose('status', { type: DeploymentStatusEnum, description: 'The status.' }),
    count: t.exposeInt('count', { description: 'How many are in it.' }),
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
      description: "The workspace's deployments, newest first if not ordered otherwise.",
      args: {
        where: t.arg({ type: DeploymentFilterInput, description: 'Only deployments that match.' }),
        orderBy: t.arg({ type: DeploymentOrderInput, description: 'How to sort them.' }),
      },
      resolve: (_, { where, ...args }, ctx, info) =>
        unwrapPage(listDeployments(ctx, { ...args, where: toFilter(where), withChangesCursor: selects(info, 'changesCursor') })),
    },
    {
      name: 'DeploymentConnection',
      description: 'A page of deployments.',
      fields: (c) => ({
        totalCount: c.int({ description: 'How many there are on all pages.', resolve: (page) => page.totalCount() }),
        statusCounts: c.field({
          type: [StatusCount],
          description: 'How many there are of each status on all pages, whatever statuses the filter names. Statuses of none are left out.',
          resolve: (page, _, ctx) => countStatuses(ctx, page.filter),
        }),
        changesCursor: c.string({
          description: 'Give this as `after` to `deploymentStatusChanged` to be told of everything that has changed since this page was read.',
          resolve: (page) => page.changesCursor ?? '',
        }),
      }),
    },
    { name: 'DeploymentEdge', description: 'A deployment and its place in the list.' },
  ),
)
