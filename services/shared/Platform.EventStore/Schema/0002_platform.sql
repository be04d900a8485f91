-- What Marten's tables have no place for. The schema itself is made by the migrator, which keeps its record there.

-- Two settings of the database, for sessions from now on. A transaction left open holds the feed back behind the numbers it took; a minute is
-- long for any of ours. And plans made while a table was small stay in use while it grows: with the cost of solid-state storage they take the index early.
do $$
begin
    execute format('alter database %I set idle_in_transaction_session_timeout = %L', current_database(), '60s');
    execute format('alter database %I set random_page_cost = 1.1', current_database());
exception when insufficient_privilege then
    raise notice 'idle_in_transaction_session_timeout and random_page_cost must be set by whoever owns the database.';
end
$$;

-- Causes that took effect: the unique key makes a second append of the same cause impossible.
create table platform.inbox (
    tenant_id varchar not null,
    stream_id varchar not null,
    cause_id  varchar not null,
    version   bigint  not null,
    primary key (tenant_id, stream_id, cause_id)
);

-- How far each reader of the feed has come.
create table platform.checkpoints (
    name     varchar primary key,
    position bigint  not null
);

-- Data keys of sealed fields. A destroyed key leaves its row, so that it is never made anew.
create table platform.keys (
    tenant_id    varchar     not null,
    scope        varchar     not null,
    wrapped      bytea,
    created_at   timestamptz not null,
    destroyed_at timestamptz,
    destroyed_by uuid, -- erasure
    primary key (tenant_id, scope)
);

-- Streams that were erased: nothing is appended to them again, and a missing chain is explained.
create table platform.erased_streams (
    tenant_id  varchar     not null,
    stream_id  varchar     not null,
    erasure_id uuid        not null,
    events     bigint      not null,
    erased_at  timestamptz not null,
    primary key (tenant_id, stream_id, erasure_id) -- a foreign writer may have begun it again after the first
);
create index on platform.erased_streams (tenant_id, erasure_id);

-- Chain heads at the end of a day: a tail cut off later does not reach its anchor any more.
create table platform.anchors (
    tenant_id varchar not null,
    day       date    not null,
    stream_id varchar not null,
    version   bigint  not null,
    hash      varchar not null,
    primary key (tenant_id, stream_id, day)
);
create index on platform.anchors (day);

-- One link of the hash chain; README.md, "Audit", says what it covers. Stable, not immutable, so that calls are inlined.
create function platform.link(previous bytea, version bigint, id uuid, type varchar, meta text, data jsonb)
returns bytea stable parallel safe language sql as $$
    select sha256(coalesce(previous, '')
        || convert_to(version::text || ' ' || id::text || ' ' || type || ' ' || meta || ' ' || data::text, 'UTF8'))
$$;

-- What all events of one append have in common. Headers count without the hash that was added to them.
create function platform.meta(
    tenant_id varchar, stream_id varchar, at timestamptz, correlation_id varchar, causation_id varchar, headers jsonb)
returns text stable parallel safe language sql as $$
    select jsonb_build_array(
        tenant_id, stream_id, (extract(epoch from at) * 1000000)::bigint, correlation_id, causation_id, nullif(headers, 'null') - 'hash')::text
$$;

-- The link that an event carries as text; null when a foreign writer wrote it, or what stands there is none.
create function platform.hash(carried text) returns bytea stable parallel safe language sql as $$
    select case when carried ~ '^[0-9a-f]{64}$' then decode(carried, 'hex') end
$$;

-- Link of an event that carries none: foreign writers were here, so the chain is followed from the last link on.
create function platform.link_through(p_tenant varchar, p_stream varchar, p_version bigint) returns bytea stable language plpgsql as $$
declare
    e record;
    link bytea;
    since bigint;
begin
    select version, platform.hash(headers ->> 'hash') into since, link
      from events.mt_events
     where tenant_id = p_tenant and stream_id = p_stream and version <= p_version and platform.hash(headers ->> 'hash') is not null
     order by version desc limit 1;
    for e in select * from events.mt_events
              where tenant_id = p_tenant and stream_id = p_stream and version > coalesce(since, 0) and version <= p_version
              order by version
    loop
        link := platform.link(link, e.version, e.id, e.type,
            platform.meta(e.tenant_id, e.stream_id, e.timestamp, e.correlation_id, e.causation_id, e.headers), e.data);
    end loop;
    return link;
end
$$;

-- The one way to append. Takes the row lock (and with it a transaction id) and decides before it takes sequence numbers.
-- p_expected: -1 any version, 0 a stream that has no event, n exactly that version.
-- outcome: 0 appended, 1 another version, 2 cause already recorded, 3 stream is erased or archived.
create function platform.append(
    p_tenant varchar, p_stream varchar, p_expected bigint, p_cause varchar, p_correlation varchar, p_headers jsonb, p_at timestamptz,
    p_ids uuid[], p_types varchar[], p_dotnet_types varchar[], p_data jsonb[],
    out outcome int, out reached bigint, out sequence bigint)
language plpgsql as $$
declare
    added constant bigint := cardinality(p_ids);
    before bigint;
    link bytea;
    hashes text[];
    meta text;
begin
    if p_expected < 0 then
        select i.version into reached from platform.inbox i
         where i.tenant_id = p_tenant and i.stream_id = p_stream and i.cause_id = p_cause;
        if found then
            outcome := 2;
            return;
        end if;
    end if;

    -- Twice, because someone else may create the stream just now; one that has no event yet is new as well.
    for attempt in 1..2 loop
        if p_expected <> 0 or attempt = 2 then
            update events.mt_streams s set version = s.version + added, timestamp = p_at
             where s.tenant_id = p_tenant and s.id = p_stream and s.is_archived is not true
               and (p_expected < 0 or s.version = p_expected)
               and not exists (select from platform.erased_streams x where x.tenant_id = p_tenant and x.stream_id = p_stream)
            returning s.version into reached;
        end if;
        if reached is null and p_expected <= 0 then
            insert into events.mt_streams as s (tenant_id, id, version, timestamp, created)
            values (p_tenant, p_stream, added, p_at, p_at)
            on conflict do nothing
            returning s.version into reached;
            -- Asked only now: the insert may have waited for the erasure.
            if found and exists (select from platform.erased_streams x where x.tenant_id = p_tenant and x.stream_id = p_stream) then
                delete from events.mt_streams s where s.tenant_id = p_tenant and s.id = p_stream;
                outcome := 3;
                reached := 0;
                return;
            end if;
        end if;
        exit when reached is not null or p_expected > 0;
    end loop;

    if reached is null then
        select i.version into reached from platform.inbox i
         where i.tenant_id = p_tenant and i.stream_id = p_stream and i.cause_id = p_cause;
        if found then
            outcome := 2;
            return;
        end if;
        select case when s.is_archived then 3 else 1 end, s.version into outcome, reached
          from events.mt_streams s where s.tenant_id = p_tenant and s.id = p_stream;
        reached := coalesce(reached, 0);
        outcome := case when exists (select from platform.erased_streams x where x.tenant_id = p_tenant and x.stream_id = p_stream)
                        then 3 else coalesce(outcome, 1) end;
        return;
    end if;

    -- Only the same cause at the same moment can fail here; the error takes everything back.
    insert into platform.inbox (tenant_id, stream_id, cause_id, version) values (p_tenant, p_stream, p_cause, reached);

    before := reached - added;
    if before > 0 then
        select platform.hash(e.headers ->> 'hash') into link
          from events.mt_events e where e.tenant_id = p_tenant and e.stream_id = p_stream and e.version = before;
        if link is null then
            link := platform.link_through(p_tenant, p_stream, before);
        end if;
    end if;
    meta := platform.meta(p_tenant, p_stream, p_at, p_correlation, p_cause, p_headers);
    for i in 1..added loop
        link := platform.link(link, before + i, p_ids[i], p_types[i], meta, p_data[i]);
        hashes[i] := encode(link, 'hex');
    end loop;

    insert into events.mt_events
        (seq_id, id, stream_id, version, data, type, timestamp, tenant_id, mt_dotnet_type, correlation_id, causation_id, headers)
    select nextval('events.mt_events_sequence'), e.id, p_stream, before + e.nr, e.data, e.type, p_at, p_tenant, e.dotnet_type,
           p_correlation, p_cause, p_headers || jsonb_build_object('hash', e.hash)
      from unnest(p_ids, p_types, p_dotnet_types, p_data, hashes) with ordinality as e (id, type, dotnet_type, data, hash, nr);
    sequence := currval('events.mt_events_sequence');
    outcome := 0;
end
$$;

-- Moves a checkpoint on, or fails with everything around it when another reader was here.
create function platform.advance(p_name varchar, p_from bigint, p_to bigint) returns void language plpgsql as $$
begin
    update platform.checkpoints set position = p_to where name = p_name and position = p_from;
    if not found then
        raise exception 'The checkpoint % is not at % any more: another reader moved it.', p_name, p_from using errcode = '40001';
    end if;
end
$$;

-- Erases one stream in one transaction and remembers that. Returns the number of events; null when there was no such stream.
create function platform.erase(p_tenant varchar, p_stream varchar, p_erasure uuid, p_at timestamptz) returns bigint
language plpgsql as $$
declare
    erased bigint;
begin
    perform from events.mt_streams where tenant_id = p_tenant and id = p_stream for update;
    if not found then
        return null;
    end if;
    delete from events.mt_events where tenant_id = p_tenant and stream_id = p_stream;
    get diagnostics erased = row_count;
    delete from platform.inbox where tenant_id = p_tenant and stream_id = p_stream;
    delete from events.mt_streams where tenant_id = p_tenant and id = p_stream;
    insert into platform.erased_streams (tenant_id, stream_id, erasure_id, events, erased_at)
    values (p_tenant, p_stream, p_erasure, erased, p_at)
    on conflict (tenant_id, stream_id, erasure_id) do update set events = erased_streams.events + excluded.events;
    return erased;
end
$$;
