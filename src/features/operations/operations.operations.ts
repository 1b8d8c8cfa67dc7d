import { forAdmins, type RouteOperations } from '../../transport/operation.ts';
import type { OperationsService } from './operations.service.ts';

export const operationsOperations = (
  operations: Pick<OperationsService, 'snapshot'>,
): RouteOperations<'getOperations'> => ({
  getOperations: forAdmins(async ({ query }) => ({ body: operations.snapshot(query.since) })),
});
