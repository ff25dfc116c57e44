-- Claims, leases and counts, and one function for each step. Times are microseconds by the server's clock.
-- Installed under a lock, once a version.
create schema if not exists voxgate;

create table if not exists voxgate.holds (
  ns text not null, kind text not null, key text not null, fence bigint not null, token text not null,
  owner text not null, owner_key text not null, session text, name text not null, since bigint not null, expires bigint not null,
  primary key (ns, kind, key, fence));
create index if not exists holds_by_owner on voxgate.holds (ns, owner_key, expires) where kind = 'room';
create index if not exists holds_by_end on voxgate.holds (expires);

create table if not exists voxgate.workers (
  ns text not null, key text not null, worker text not null, agent text, build text not null, state text not null,
  capacity int not null, since bigint not null, expires bigint not null, primary key (ns, key));

create table if not exists voxgate.resources (
  ns text not null, kind text not null, key text not null, name text not null, n bigint not null,
  primary key (ns, kind, key));
create table if not exists voxgate.slices (
  ns text not null, kind text not null, key text not null, slice bigint not null, amount bigint not null,
  leaves_at bigint not null, primary key (ns, kind, key, slice));
create table if not exists voxgate.peaks (
  ns text not null, kind text not null, key text not null, day bigint not null, peak bigint not null,
  primary key (ns, kind, key, day));

create sequence if not exists voxgate.fence;

create or replace function voxgate.now_us() returns bigint language sql volatile as
$$ select (extract(epoch from clock_timestamp()) * 1000000)::bigint $$;

-- Months since the year 0, and back.
create or replace function voxgate.month_of(us bigint) returns bigint language sql immutable as
$$ select (extract(year from t) * 12 + extract(month from t) - 1)::bigint
   from (select to_timestamp(us / 1000000) at time zone 'utc') as at(t) $$;
create or replace function voxgate.month_start(month bigint) returns bigint language sql immutable as
$$ select (extract(epoch from make_timestamp((month / 12)::int, (month % 12)::int + 1, 1, 0, 0, 0)) * 1000000)::bigint $$;

-- Everything that changes a pool, a budget or a worker's rooms waits here for the one before. Freed with the
-- transaction, so that a pooler in transaction mode will do. Pools before workers: no two wait for each other.
create or replace function voxgate.enter(class int, ns text, key text) returns void language sql volatile as
$$ select pg_advisory_xact_lock(class, hashtext(ns || ':' || key)) $$;

create or replace function voxgate.note_peak(p_ns text, p_kind text, p_key text, used bigint, now_us bigint)
returns void language sql volatile as $$
  insert into voxgate.peaks values (p_ns, p_kind, p_key, now_us / 86400000000, used)
  on conflict (ns, kind, key, day) do update set peak = excluded.peak where peaks.peak < excluded.peak
$$;

create or replace function voxgate.take(
  p_ns text, p_kind text, p_key text, p_name text, p_slots int, p_token text, p_owner text, p_owner_key text,
  p_session text, p_term bigint,
  out outcome text, out used int, out a bigint, out b bigint, out h voxgate.holds)
language plpgsql as $$
declare
  now_us bigint;
  w voxgate.workers;
begin
  perform voxgate.enter(1, p_ns, p_kind || p_key);
  now_us := voxgate.now_us();
  delete from voxgate.holds where ns = p_ns and kind = p_kind and key = p_key and expires <= now_us;
  select count(*) into used from voxgate.holds where ns = p_ns and kind = p_kind and key = p_key;
  if used > 0 then
    select * into h from voxgate.holds where ns = p_ns and kind = p_kind and key = p_key and token = p_token
      and owner = p_owner and session is not distinct from p_session;
    if found then outcome := 'granted'; return; end if;
  end if;
  if used >= p_slots then
    select * into h from voxgate.holds where ns = p_ns and kind = p_kind and key = p_key order by expires, fence limit 1;
    outcome := 'full';
    return;
  end if;
  if p_kind = 'room' then
    perform voxgate.enter(2, p_ns, p_owner_key);
    now_us := voxgate.now_us();
    select * into w from voxgate.workers where ns = p_ns and key = p_owner_key and expires > now_us;
    if not found then outcome := 'silent'; return; end if;
    if w.state <> 'ready' then outcome := w.state; a := w.since; return; end if;
    select count(*) into a from voxgate.holds
      where ns = p_ns and kind = 'room' and owner_key = p_owner_key and expires > now_us;
    b := w.capacity;
    if a >= b then outcome := 'at_capacity'; return; end if;
  else
    insert into voxgate.resources values (p_ns, p_kind, p_key, p_name, p_slots)
      on conflict (ns, kind, key) do update set n = excluded.n where resources.n <> excluded.n;
    perform voxgate.note_peak(p_ns, p_kind, p_key, used + 1, now_us);
  end if;
  insert into voxgate.holds values (p_ns, p_kind, p_key, nextval('voxgate.fence'), p_token, p_owner, p_owner_key,
    p_session, p_name, now_us, now_us + p_term) returning * into h;
  outcome := 'granted';
end $$;

create or replace function voxgate.renew(
  p_ns text, p_kind text, p_key text, p_fence bigint, p_token text, p_owner text, p_term bigint,
  out outcome text, out a bigint, out h voxgate.holds)
language plpgsql as $$
declare
  now_us bigint;
begin
  perform voxgate.enter(1, p_ns, p_kind || p_key);
  now_us := voxgate.now_us();
  a := now_us + p_term;
  update voxgate.holds set expires = a
    where ns = p_ns and kind = p_kind and key = p_key and fence = p_fence and token = p_token and owner = p_owner
      and expires > now_us;
  if not found then
    outcome := 'lost';
    select * into h from voxgate.holds where ns = p_ns and kind = p_kind and key = p_key and expires > now_us
      order by expires, fence limit 1;
    return;
  end if;
  outcome := 'renewed';
  if p_kind <> 'room' then
    perform voxgate.note_peak(p_ns, p_kind, p_key, (select count(*) from voxgate.holds
      where ns = p_ns and kind = p_kind and key = p_key and expires > now_us), now_us);
  end if;
end $$;

create or replace function voxgate.release(
  p_ns text, p_kind text, p_key text, p_fence bigint, p_token text, p_owner text)
returns boolean language plpgsql as $$
declare
  ends bigint;
begin
  perform voxgate.enter(1, p_ns, p_kind || p_key);
  delete from voxgate.holds where ns = p_ns and kind = p_kind and key = p_key and fence = p_fence
    and token = p_token and owner = p_owner returning expires into ends;
  return coalesce(ends > voxgate.now_us(), false);
end $$;

create or replace function voxgate.spend(
  p_ns text, p_kind text, p_key text, p_name text, p_n bigint, p_per bigint, p_slices bigint, p_amount bigint,
  out outcome text, out used bigint, out until_us bigint)
language plpgsql as $$
declare
  now_us bigint;
  width bigint := greatest(1, p_per / p_slices);
  index bigint;
  leaves bigint;
  over bigint;
begin
  perform voxgate.enter(1, p_ns, p_kind || p_key);
  now_us := voxgate.now_us();
  delete from voxgate.slices where ns = p_ns and kind = p_kind and key = p_key and leaves_at <= now_us;
  select coalesce(sum(amount), 0) into used from voxgate.slices where ns = p_ns and kind = p_kind and key = p_key;
  over := used + p_amount - p_n;
  if over > 0 then
    outcome := 'over';
    if p_amount <= p_n then
      select min(leaves_at) into until_us from (
        select leaves_at, sum(amount) over (order by slice) as freed
        from voxgate.slices where ns = p_ns and kind = p_kind and key = p_key) as s where freed >= over;
    end if;
    return;
  end if;
  if p_kind = 'month' then
    index := voxgate.month_of(now_us);
    leaves := voxgate.month_start(index + 1);
  else
    index := now_us / width;
    leaves := (index + 1) * width + p_per;
  end if;
  insert into voxgate.slices values (p_ns, p_kind, p_key, index, p_amount, leaves)
    on conflict (ns, kind, key, slice) do update set amount = slices.amount + excluded.amount;
  insert into voxgate.resources values (p_ns, p_kind, p_key, p_name, p_n)
    on conflict (ns, kind, key) do update set n = excluded.n where resources.n <> excluded.n;
  used := used + p_amount;
  perform voxgate.note_peak(p_ns, p_kind, p_key, used, now_us);
  outcome := 'counted';
end $$;

create index if not exists slices_by_end on voxgate.slices (leaves_at);
create index if not exists peaks_by_day on voxgate.peaks (day);

-- A resource of which nothing is left. One that is in use at this moment is left alone.
create or replace function voxgate.forget(p_ns text, p_kind text, p_key text) returns void language plpgsql as $$
begin
  if pg_try_advisory_xact_lock(1, hashtext(p_ns || ':' || p_kind || p_key)) then
    delete from voxgate.resources r where ns = p_ns and kind = p_kind and key = p_key
      and not exists (select from voxgate.peaks p where p.ns = r.ns and p.kind = r.kind and p.key = r.key)
      and not exists (select from voxgate.slices s where s.ns = r.ns and s.kind = r.kind and s.key = r.key)
      and not exists (select from voxgate.holds h where h.ns = r.ns and h.kind = r.kind and h.key = r.key);
  end if;
end $$;

-- A heartbeat also clears away some of what has ended and nobody asked for again.
create or replace function voxgate.report(
  p_ns text, p_key text, p_worker text, p_agent text, p_build text, p_state text, p_capacity int, p_term bigint)
returns setof text language plpgsql as $$
declare
  now_us bigint := voxgate.now_us();
  gone record;
begin
  insert into voxgate.workers values (p_ns, p_key, p_worker, p_agent, p_build, p_state, p_capacity, now_us, now_us + p_term)
    on conflict (ns, key) do update set agent = excluded.agent, build = excluded.build, state = excluded.state,
      capacity = excluded.capacity, expires = excluded.expires,
      since = case when workers.expires > now_us then workers.since else excluded.since end;
  delete from voxgate.holds where ctid = any(array(
    select ctid from voxgate.holds where expires <= now_us limit 100 for update skip locked));
  delete from voxgate.workers where ctid = any(array(
    select ctid from voxgate.workers where expires <= now_us - 86400000000 limit 100 for update skip locked));
  for gone in delete from voxgate.slices where ctid = any(array(
    select ctid from voxgate.slices where leaves_at <= now_us limit 100 for update skip locked)) returning ns, kind, key
  loop
    perform voxgate.forget(gone.ns, gone.kind, gone.key);
  end loop;
  for gone in delete from voxgate.peaks where ctid = any(array(
    select ctid from voxgate.peaks where day <= now_us / 86400000000 - 7 limit 100 for update skip locked))
    returning ns, kind, key
  loop
    perform voxgate.forget(gone.ns, gone.kind, gone.key);
  end loop;
  return query select distinct build from voxgate.workers where ns = p_ns and expires > now_us
    and agent is not distinct from p_agent and build <> p_build order by build;
end $$;
