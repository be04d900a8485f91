-- Diverted prefixes for which an agent has said that cleaned traffic finds its way back; null: it is of a release that does not tell.
alter table views.scrubbers_v1 add column ways_back cidr[];
