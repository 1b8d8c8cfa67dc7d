import { forUsers, type RouteOperations } from '../../transport/operation.ts';
import type { SearchService } from './search.service.ts';

export const searchOperations = (search: SearchService): RouteOperations<'searchMessages'> => ({
  searchMessages: forUsers(async ({ query }, caller) => {
    const page = await search.search(caller, query);
    return {
      body: page.hits,
      links: page.next === undefined ? {} : { next: `cursor=${page.next}` },
    };
  }),
});
