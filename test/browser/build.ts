// Builds the dashboard before the first test, as `npm start` does.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

export default async function setup() {
  await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../src/http/build-dashboard.ts')])
}
