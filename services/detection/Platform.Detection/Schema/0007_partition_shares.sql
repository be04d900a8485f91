-- The processes that stand in line for partitions of the telemetry bus, each second: so that each can take its share. No events: who lives is no decision.
create table views.partition_readers_v1 (
    process uuid        primary key,
    in_line smallint[]  not null, -- partitions; the broker says which of them it reads
    seen_at timestamptz not null
);
