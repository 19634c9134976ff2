/** The frame: login or the page, the state that all parts share, and its updates from events. */

import { useCallback, useEffect, useReducer, useRef, useState } from "preact/hooks";
import { api, listen, Problem, takeTokenFromLink, token } from "./api";
import { Decisions } from "./decisions";
import { Detail } from "./detail";
import { Header } from "./header";
import { Login } from "./login";
import { Overview } from "./overview";
import { Targets } from "./targets";
import { Warm } from "./warm";
import type { Decision, Event, Status, TargetPage } from "./types";

/** How often the list of targets is read afresh. */
const LIST_REFRESH_MS = 5_000;
/** How many targets are shown before "show more". */
const PAGE = 25;
const DECISIONS_MAX = 200;

export interface Notice {
  tone: "good" | "bad";
  text: string;
  remedy?: string;
}

interface State {
  status: Status | null;
  page: TargetPage | null;
  decisions: Decision[] | null;
  live: boolean;
}

type Change =
  | { set: Partial<State> }
  | { event: Event };

function reduce(state: State, change: Change): State {
  if ("set" in change) return { ...state, ...change.set };
  const { name, data } = change.event;
  switch (name) {
    case "status":
      return { ...state, status: data };
    case "kill_switch":
      return { ...state, status: state.status && { ...state.status, kill_switch: data.engaged } };
    case "mode":
      if (data.planner || data.target || !state.status) return state;
      return { ...state, status: { ...state.status, mode: data.mode } };
    case "target": {
      if (!state.page) return state;
      const targets = state.page.targets.map((target) => (target.id === data.id ? data : target));
      return { ...state, page: { ...state.page, targets } };
    }
    case "decision": {
      if (!state.decisions) return state;
      const others = state.decisions.filter((decision) => decision.ticket !== data.ticket);
      return { ...state, decisions: [data, ...others].slice(0, DECISIONS_MAX) };
    }
    case "done": {
      if (!state.decisions) return state;
      const decisions = state.decisions.map((decision) => {
        if (decision.ticket !== data.ticket) return decision;
        const undone_by = data.undone_by ?? decision.undone_by;
        const undoable = undone_by === null && data.outcome.state === "applied";
        return { ...decision, outcome: data.outcome, undone_by, undoable };
      });
      return { ...state, decisions };
    }
    default:
      return state;
  }
}

/** What the address names: the overview, a target (`#/targets/ID`) or the warm instances (`#/warm`). */
function useAddress(): { warm: boolean; selected: string | null } {
  const [hash, set] = useState(location.hash);
  useEffect(() => {
    const changed = () => {
      set(location.hash);
      window.scrollTo(0, 0);
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const found = /^#\/targets\/(.+)$/.exec(hash);
  return { warm: hash === "#/warm", selected: found?.[1] ? decodeURIComponent(found[1]) : null };
}

/** The present, so that "3 min ago" moves on. */
function useNow(): number {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => set(Date.now()), 5_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

export function App() {
  const [known, setKnown] = useState(token.get() !== null);
  const [refused, setRefused] = useState<string | null>(null);
  // A login link that is opened in a tab that shows this page already changes the address only.
  useEffect(() => {
    const changed = () => {
      if (!takeTokenFromLink()) return;
      setRefused(null);
      setKnown(true);
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  if (!known) {
    const enter = (text: string) => {
      token.set(text);
      setRefused(null);
      setKnown(true);
    };
    return <Login refused={refused} onToken={enter} />;
  }
  const leave = (why: string | null) => {
    token.clear();
    setRefused(why);
    setKnown(false);
  };
  return <Dashboard onLeave={leave} />;
}

function Dashboard({ onLeave }: { onLeave: (why: string | null) => void }) {
  const [state, change] = useReducer(reduce, { status: null, page: null, decisions: null, live: false });
  const [filter, setFilter] = useState("");
  const [limit, setLimit] = useState(PAGE);
  const [notice, setNotice] = useState<Notice | null>(null);
  const { warm, selected } = useAddress();
  const now = useNow();

  const fail = useCallback(
    (error: unknown) => {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401) onLeave(error.message);
      else setNotice({ tone: "bad", text: error.message, remedy: error.remedy });
    },
    [onLeave],
  );
  /** Runs what a person asked for, and says how it went. */
  const act = useCallback(
    async (doing: () => Promise<unknown>, done: string) => {
      try {
        await doing();
        setNotice({ tone: "good", text: done });
      } catch (error) {
        fail(error);
      }
    },
    [fail],
  );

  const query = useRef({ filter, limit });
  query.current = { filter, limit };
  const refreshTargets = useCallback(
    () => api.targets(query.current.filter, query.current.limit).then((page) => change({ set: { page } })),
    [],
  );
  const refresh = useCallback(async () => {
    try {
      const [status, decisions] = await Promise.all([api.status(), api.decisions(), refreshTargets()]);
      change({ set: { status, decisions: decisions.decisions } });
    } catch (error) {
      fail(error);
    }
  }, [fail, refreshTargets]);

  useEffect(() => {
    const abort = new AbortController();
    const onEvent = (event: Event) => (event.name === "lagged" ? void refresh() : change({ event }));
    const onLive = (live: boolean) => {
      change({ set: { live } });
      // Whatever happened while nobody listened.
      if (live) void refresh();
    };
    void refresh();
    void listen(abort.signal, onEvent, onLive, (problem) => onLeave(problem.message));
    const timer = setInterval(() => refreshTargets().catch(() => undefined), LIST_REFRESH_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => refreshTargets().catch(fail), 150);
    return () => clearTimeout(timer);
  }, [filter, limit]);
  useEffect(() => {
    if (notice?.tone !== "good") return;
    const timer = setTimeout(() => setNotice(null), 4_000);
    return () => clearTimeout(timer);
  }, [notice]);

  const undo = (ticket: number) => act(() => api.undo(ticket), `T${ticket} is taken back.`);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <Header
        status={state.status}
        live={state.live}
        page={warm ? "warm" : "targets"}
        act={act}
        onLeave={() => onLeave(null)}
      />
      <main id="main" tabIndex={-1}>
        {warm ? (
          <Warm now={now} act={act} fail={fail} />
        ) : selected ? (
          <Detail id={selected} now={now} act={act} fail={fail} undo={undo} decisions={state.decisions} />
        ) : (
          <>
            <Overview status={state.status} now={now} />
            <div class="columns">
              <Targets
                page={state.page}
                filter={filter}
                onFilter={setFilter}
                onMore={() => setLimit(Math.min(limit + PAGE, 1_000))}
              />
              <Decisions decisions={state.decisions} now={now} undo={undo} mode={state.status?.mode} />
            </div>
          </>
        )}
      </main>
      <Toast notice={notice} onClose={() => setNotice(null)} />
    </>
  );
}

function skip(event: MouseEvent) {
  // The address holds the selected target, so the link must not change it.
  event.preventDefault();
  document.getElementById("main")?.focus();
}

function Toast({ notice, onClose }: { notice: Notice | null; onClose: () => void }) {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {notice && (
        <div class={`toast ${notice.tone}`}>
          <div>
            <strong>{notice.text}</strong>
            {notice.remedy && <p>{notice.remedy}</p>}
          </div>
          <button class="quiet" onClick={onClose} aria-label="Close this message">
            ✕
          </button>
        </div>
      )}
    </div>
  );
}
