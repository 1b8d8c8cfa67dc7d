import { forUsers, type RouteOperations } from '../../transport/operation.ts';
import type { UploadService } from './uploads.service.ts';

/** Uploads and downloads themselves have no JSON bodies: transport/attachments.ts binds them. */
export const attachmentOperations = (
  uploads: UploadService,
): RouteOperations<'getUploadLimits'> => ({
  getUploadLimits: forUsers(async () => ({ body: uploads.limits() })),
});
