-- Security events in Japanese too; empty of what was noted before.
alter table views.noted_events_v1 add sentence_ja text not null default '';
alter table views.recorded_events_v1 add sentence_ja text not null default '';
create or replace view views.security_events as select * from views.every_security_event();
