import { lookup } from 'node:dns'
import { BlockList, isIP, type LookupFunction } from 'node:net'
import { JobFailure } from '../lifecycle/job-failure.ts'

// The networks that IANA's special-purpose registries do not list as globally reachable.
// https://www.iana.org/assignments/iana-ipv4-special-registry, …/iana-ipv6-special-registry
const notPublic = new BlockList()
for (const [network, bits] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const)
  notPublic.addSubnet(network, bits, 'ipv4')
for (const [network, bits] of [
  ['::', 96],
  ['::ffff:0:0:0', 96],
  ['64:ff9b::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
  ['5f00::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
] as const)
  notPublic.addSubnet(network, bits, 'ipv6')

/** True for a public address. An IPv4 address in IPv6 notation is checked as IPv4. */
export function isPublicAddress(address: string): boolean {
  const plain = address.replace(/%.*$/, '')
  const family = isIP(plain)
  return family !== 0 && !notPublic.check(plain, family === 6 ? 'ipv6' : 'ipv4')
}

export const refuseAddress = (host: string) =>
  new JobFailure(
    'SOURCE_FORBIDDEN',
    `The source "${host}" is in a private or reserved network. Use a public https: URL, or set PRIVATE_SOURCES=on to allow private networks.`,
    { isLasting: true },
  )

/** Looks up a name for a connection, and refuses the name when any of its addresses is not public. */
export const lookupPublic: LookupFunction = (host, options, done) => {
  lookup(host, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? []
    if (error || !first) return done(error ?? new Error(`No address for ${host}.`), '', 4)
    if (!addresses.every(({ address }) => isPublicAddress(address))) return done(refuseAddress(host), '', 4)
    if (options.all) done(null, addresses)
    else done(null, first.address, first.family)
  })
}
