import * as z from 'zod';

// The page's policy forbids making code at run time. Imported before any schema is made: zod tries when one is.
z.config({ jitless: true });
