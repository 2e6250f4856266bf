// The context of all components of a signed-in page.
import { createContext, useContext } from 'react'
import type { Live } from './api/live.ts'
import type { StartQuery } from './gql/graphql.ts'

export interface Dashboard {
  live: Live
  viewer: StartQuery['viewer']
  mayManage: boolean
  mayRecognize: boolean
}

export const DashboardContext = createContext<Dashboard | null>(null)

export function useDashboard(): Dashboard {
  const dashboard = useContext(DashboardContext)
  if (!dashboard) throw new Error('useDashboard was called outside of the signed-in page')
  return dashboard
}
