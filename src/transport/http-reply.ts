/** How answers of the API leave. */
import type { Response } from 'express';
import type { Problem } from '../protocol/problems.ts';

export function sendProblem(res: Response, problem: Problem): void {
  if (problem.retryAfter !== undefined) res.setHeader('Retry-After', problem.retryAfter);
  sendJson(res, problem.status, 'application/problem+json', JSON.stringify(problem));
}

/** Express' own would make bytes of a text once more, and look at its freshness. */
export function sendJson(
  res: Response,
  status: number,
  type: string,
  content: string | Buffer,
): void {
  res.statusCode = status;
  res.setHeader('Content-Type', `${type}; charset=utf-8`);
  res.setHeader('Content-Length', Buffer.byteLength(content));
  res.end(content);
}
