import { z } from 'zod';

/** 0…1. */
export const fraction = z.number().min(0).max(1);

export const count = z.number().int().nonnegative();

/** From 0. */
export const positive = z.number().nonnegative();

/** Numbers of things by their names. */
export const counts = z.record(z.string(), count);
