import { z } from 'zod';
import { HINT_KINDS } from './choices.js';
import { choice, expecting, positiveNumber, shown } from './option-values.js';

const matchShape = z.strictObject({
  kind: choice(HINT_KINDS),
  weight: positiveNumber().optional(),
  student: z.string().optional(),
  teacher: z.string().optional(),
});

/** What of a student is compared with its teacher: a kind, and perhaps the factor of its loss and the two values. */
export type Match = z.output<typeof matchShape>;

/** `features`, `features:50` or `features:50=student_value,teacher_value`, one or a list, also as objects. */
export const matches = () => {
  const item = z.union([z.string(), matchShape]);
  return z
    .union([item, z.array(item)], expecting('a kind such as features, or features:50=student_value,teacher_value'))
    .transform((given, context): Match[] =>
      [given].flat().map((one) => {
        const match = matchShape.safeParse(typeof one === 'string' ? matchOf(one) : one);
        if (match.success && namesNoneOrTwo(match.data)) return match.data;
        const message = match.success ? `expected two names, got ${shown(one)}` : match.error.issues[0]!.message;
        context.issues.push({ code: 'custom', message, input: given });
        return z.NEVER;
      }),
    );
};

const namesNoneOrTwo = ({ student, teacher }: Match) =>
  student === undefined ? teacher === undefined : Boolean(student && teacher);

/** Reads `kind:weight=student,teacher`; names stand at the end, as they may hold colons and equal signs. */
function matchOf(text: string): object {
  const [, kind, weight, names] = /^([^:=]*)(?::([^=]*))?(?:=(.*))?$/s.exec(text.trim())!;
  const [student, teacher, ...more] = names?.split(',').map((name) => name.trim()) ?? [];
  return {
    kind,
    ...(weight !== undefined && { weight }),
    ...(names !== undefined && { student, teacher: more.length ? '' : teacher }),
  };
}
