/** Decisions: what changed from what to what, why, how it ended, and a way back. */

import { useState } from "preact/hooks";
import { ago, amount, nameOf, percent, word } from "./format";
import type { Decision, Mode } from "./types";

/** How many are shown before "show more". */
const PAGE = 12;

export type Undo = (ticket: number) => Promise<void>;

interface Props {
  decisions: Decision[] | null;
  now: number;
  undo: Undo;
  mode?: Mode | undefined;
  /** Of one target: its name is not repeated. */
  single?: boolean;
}

export function Decisions({ decisions, now, undo, mode, single }: Props) {
  const [shown, setShown] = useState(PAGE);
  const hidden = (decisions?.length ?? 0) - shown;
  return (
    <section class="decisions" aria-labelledby="decisions-title">
      <div class="title">
        <h2 id="decisions-title">Decisions</h2>
        {decisions && decisions.length > 0 && <span class="small muted">newest first</span>}
      </div>
      <ol class="card" aria-busy={decisions === null}>
        {decisions?.slice(0, shown).map((decision) => (
          <One key={decision.ticket} decision={decision} now={now} undo={undo} single={single ?? false} />
        ))}
        {decisions?.length === 0 && (
          <li class="empty">
            <p>
              <strong>No decision yet.</strong>
            </p>
            <p>
              {mode === "observe"
                ? "In the mode “observe” forerun forecasts and decides nothing. Choose “recommend” to see what it would do."
                : "A decision is made as soon as a forecast has seen enough and a limit does not fit it."}
            </p>
          </li>
        )}
        {hidden > 0 && (
          <li>
            <button class="quiet more" onClick={() => setShown(shown + 4 * PAGE)}>
              Show {Math.min(hidden, 4 * PAGE)} older ones
            </button>
          </li>
        )}
      </ol>
    </section>
  );
}

function One(props: { decision: Decision; now: number; undo: Undo; single: boolean }) {
  const { decision, now, undo, single } = props;
  const [undoing, setUndoing] = useState(false);
  const { name } = nameOf(decision.target);
  const press = async () => {
    setUndoing(true);
    await undo(decision.ticket);
    setUndoing(false);
  };
  return (
    <li class={decision.undone_by === null ? "decision" : "decision undone"}>
      <div class="head">
        {single ? (
          <strong>{word(decision.resource)}</strong>
        ) : (
          <a href={`#/targets/${encodeURIComponent(decision.target)}`} title={decision.target}>
            {name}
          </a>
        )}
        <time class="small muted" dateTime={decision.at} title={new Date(decision.at).toLocaleString()}>
          T{decision.ticket} · {ago(decision.at, now)}
        </time>
      </div>
      <p class="change">
        {!single && <span class="muted">{word(decision.resource)}</span>}
        <Change decision={decision} />
      </p>
      <p class="reason">{decision.because.text}</p>
      <div class="foot">
        <Ended decision={decision} />
        <details>
          <summary>Figures</summary>
          <Figures decision={decision} />
        </details>
        {decision.undoable && (
          <button class="undo" disabled={undoing} onClick={press} aria-label={`Undo T${decision.ticket}`}>
            {undoing ? "Undoing…" : "Undo"}
          </button>
        )}
      </div>
    </li>
  );
}

function Change({ decision }: { decision: Decision }) {
  const size = (value: typeof decision.before) => (value === "unlimited" ? Infinity : value);
  const raised = size(decision.after) > size(decision.before);
  return (
    <span class="values">
      {amount(decision.before, decision.unit, true)}
      <span class={raised ? "arrow up" : "arrow down"} aria-label={raised ? "raised to" : "lowered to"} role="img">
        {raised ? "↗" : "↘"}
      </span>
      <strong>{amount(decision.after, decision.unit)}</strong>
    </span>
  );
}

function Ended({ decision }: { decision: Decision }) {
  if (decision.undone_by !== null) return <span class="chip">taken back by T{decision.undone_by}</span>;
  const { state, detail } = decision.outcome;
  const tone = state === "applied" ? "good" : state === "pending" || state === "recommended" ? "" : "bad";
  return (
    <span class="ended">
      <span class={`chip ${tone}`}>{word(state)}</span>
      {decision.undoes !== null && <span class="small muted">undoes T{decision.undoes}</span>}
      {detail && <span class="small muted">{detail}</span>}
    </span>
  );
}

function Figures({ decision }: { decision: Decision }) {
  const { because } = decision;
  const { figures } = because;
  const value = (figure: number) => amount(figure, decision.unit);
  return (
    <dl class="facts">
      <Fact name="Set off by" value={word(decision.trigger.kind)} />
      <Fact name="Wanted" value={value(because.wanted)} />
      <Fact name="Margin" value={value(because.margin)} />
      <Fact name="In use" value={value(because.in_use)} />
      <Fact name="Probability asked for" value={percent(because.level)} />
      {because.caps.length > 0 && <Fact name="Capped by" value={because.caps.map(word).join(", ")} />}
      <Fact name="Chance of use" value={percent(figures.chance)} />
      <Fact name="Waiting saved" value={`${figures.seconds_saved.toFixed(1)} s`} />
      <Fact
        name="Cost to make and hold"
        value={`${figures.make_cost_unit_seconds.toFixed(1)} + ${figures.hold_cost_unit_seconds.toFixed(1)} unit-seconds`}
      />
    </dl>
  );
}

export function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}
