// The dashboard behind a reverse proxy that adds a path which the server does not see.
import { createServer, request } from 'node:http'
import { connect } from 'node:net'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { librivoxRecordings, openTestService, type Service } from '../support/service.ts'
import { createByForm, openBrowser, openDashboard, openTab, rowOf } from './browser.ts'

type Proxy = Awaited<ReturnType<typeof openPrefixProxy>>

const prefix = '/speech'

/** Removes the prefix and passes requests on to `to`; collects the paths of all other requests. */
async function openPrefixProxy() {
  let target = new URL('http://127.0.0.1:1')
  const strays: string[] = []
  const strip = (url = '/') => {
    if (url.startsWith(`${prefix}/`)) return url.slice(prefix.length)
    strays.push(url)
    return undefined
  }
  const server = createServer((incoming, response) => {
    const path = strip(incoming.url)
    if (path === undefined) return void response.writeHead(404).end()
    const { method, headers } = incoming
    const upstream = request({ host: target.hostname, port: target.port, path, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    upstream.on('error', () => response.destroy())
    response.on('close', () => upstream.destroy())
    incoming.pipe(upstream)
  })
  server.on('upgrade', (incoming, socket, head) => {
    const path = strip(incoming.url)
    if (path === undefined) return void socket.destroy()
    const upstream = connect(Number(target.port), target.hostname, () => {
      const lines = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}\r\n`)
      upstream.write(`GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
      upstream.write(head)
      socket.pipe(upstream).pipe(socket)
    })
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      one.on('error', () => {})
      one.on('close', () => other.destroy())
    }
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}${prefix}`,
    strays,
    to(url: string) {
      target = new URL(url)
    },
    async close() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}

let proxy: Proxy
let api: Service
let browser: Browser
beforeAll(async () => {
  proxy = await openPrefixProxy()
  api = await openTestService({ PUBLIC_URL: `${proxy.url}/` })
  proxy.to(api.localUrl)
  browser = await openBrowser()
})
afterAll(async () => {
  await browser.close()
  await api.close()
  await proxy.close()
})

test('the dashboard and its endpoints work under a prefix without requests outside of it', async () => {
  const { page, complaints } = await openDashboard(browser, { localUrl: proxy.url, key: api.key })
  await page.getByText('Live', { exact: true }).waitFor()
  await createByForm(page, 'Behind a proxy')
  expect(new URL(page.url()).pathname).toBe(`${prefix}/`)
  await rowOf(page, 'Behind a proxy').getByText('Complete').waitFor()
  await page.getByRole('link', { name: 'Behind a proxy' }).click()
  await page.getByRole('heading', { name: 'Verified' }).waitFor()
  expect(new URL(page.url()).pathname).toMatch(/^\/speech\/deployments\//)
  await page.reload()
  await page.getByText(`${proxy.url}/speech/recognition/interactive/`).first().waitFor()
  const [recording] = librivoxRecordings()
  await page.getByLabel('Recording').setInputFiles({ name: 'novel.wav', mimeType: 'audio/wav', buffer: recording?.wav ?? Buffer.alloc(0) })
  await page.getByRole('log').getByText('to answer').waitFor()

  await page.goto(`${proxy.url}/models`)
  await page.getByRole('button', { name: 'Create language model' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Upload a file' }).click()
  await page.getByLabel('Text file').setInputFiles({ name: 'calls.txt', mimeType: 'text/plain', buffer: Buffer.from('the four of clubs\n') })
  await page.getByText('Uploaded: 1 kB, 1 line').waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel', exact: true }).click()

  await page.getByRole('link', { name: 'Skip to the content' }).press('Enter')
  expect(new URL(page.url()).pathname).toBe(`${prefix}/models`)
  expect(await page.evaluate('document.activeElement.id')).toBe('content')
  await page.goBack()
  expect(complaints).toEqual([])
  // The name of the cookie separates servers under other paths of the host.
  expect((await page.context().cookies()).map(({ name }) => name)).toEqual([expect.stringMatching(/^custom-speech-\d+-speech$/)])
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Explore the API' }).click()
  const answered = page.waitForResponse((response) => response.request().postData()?.includes('query Models') ?? false)
  await page.getByRole('button', { name: /^Execute query/ }).click()
  expect((await (await answered).json()).data.deployments.nodes).toHaveLength(1)

  await page.goto(`${proxy.url}/keys`)
  await page.getByRole('button', { name: 'Account' }).click()
  await page.getByRole('menuitem', { name: 'Sign out' }).click()
  await page.getByLabel('Key', { exact: true }).waitFor()
  expect(new URL(page.url()).pathname).toBe(`${prefix}/`)
  expect(proxy.strays.filter((path) => path !== '/favicon.ico')).toEqual([])
})

test('the same server also answers direct requests without the prefix', async () => {
  const deployed = await api.deploy('CONVERSATIONAL')
  const { page } = await openTab(browser)
  await page.goto(`${api.localUrl}/#key=${api.key}`)
  await page.getByText('Live', { exact: true }).waitFor()
  await page.goto(`${api.localUrl}/deployments/${encodeURIComponent(deployed.deploymentId)}`)
  const [recording] = librivoxRecordings()
  await page.getByLabel('Recording').setInputFiles({ name: 'novel.wav', mimeType: 'audio/wav', buffer: recording?.wav ?? Buffer.alloc(0) })
  await page.getByRole('log').getByText('to answer').waitFor()
})
