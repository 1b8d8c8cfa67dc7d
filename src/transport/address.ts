/** Whom a limit by address counts. */
import type { IncomingMessage } from 'node:http';
import { ipKeyGenerator } from 'express-rate-limit';

/** A subscriber gets this much of IPv6, and may use any address in it. */
const IPV6_SUBNET_BITS = 56;
const LONGEST = 64;

export type AddressOf = (request: IncomingMessage) => string;

/**
 * @param trustProxy how many proxies stand in front. Each appends to X-Forwarded-For whom it got
 *   the request from; what stands before their entries is anybody's invention.
 * @returns the client's address, of an IPv6 address its subnet; the same for requests and
 *   handshakes of sockets
 */
export function createAddressOf(trustProxy: number): AddressOf {
  return (request) => {
    const { remoteAddress = 'unknown' } = request.socket;
    const forwarded = trustProxy === 0 ? undefined : request.headers['x-forwarded-for'];
    const hops = forwarded === undefined ? [] : String(forwarded).split(',');
    const chain = [remoteAddress, ...hops.reverse()];
    const address = chain[Math.min(trustProxy, chain.length - 1)] ?? remoteAddress;
    return ipKeyGenerator(address.trim().slice(0, LONGEST), IPV6_SUBNET_BITS);
  };
}
