using System.Text.RegularExpressions;

namespace Platform.EventStore;

public sealed partial class ProjectionRunner
{
    /// <summary>
    /// Builds the view anew from the first event, beside the live one, which goes on and is read meanwhile; then puts the new tables
    /// in its place in one transaction. For a view whose rows are wrong; a view whose meaning changes gets a new name instead.
    /// </summary>
    /// <remarks>
    /// The copy has the columns, defaults, identities, indexes and checks of the live tables, but no foreign keys, triggers or grants.
    /// Where the projection's statements name a table of the view they mean the copy, meanwhile. Interrupted, it begins again.
    /// </remarks>
    /// <exception cref="UnappliedEventException">An event cannot be applied; the live view is as before.</exception>
    public async Task Rebuild(CancellationToken cancellationToken)
    {
        var schema = $"rebuild_{projection.Name}";
        var checkpoint = $"{projection.Name}:rebuild";
        var tables = new Regex($@"\bviews\.(?=({string.Join('|', projection.Tables)})\b)");
        await using var reader = await FeedReader.Open(store, checkpoint, cancellationToken);
        await reader.Connection.Execute(
            $"""
            drop schema if exists {schema} cascade;
            create schema {schema};
            {string.Concat(projection.Tables.Select(table => $"create table {schema}.{table} (like views.{table} including all);\n"))}
            """,
            cancellationToken);
        await reader.Rewind(cancellationToken);
        var head = await reader.Connection.Scalar<long>(EventFeed.Head, cancellationToken);
        while (reader.Position < head || !await Switch(reader, schema, checkpoint, cancellationToken))
        {
            await Apply(await reader.Next(cancellationToken), statement => tables.Replace(statement, $"{schema}."), cancellationToken);
        }
    }

    /// <summary>Puts the new tables in place if they show at least what the live ones show.</summary>
    private async Task<bool> Switch(FeedReader reader, string schema, string checkpoint, CancellationToken cancellationToken)
    {
        await using var transaction = await reader.Connection.BeginTransactionAsync(cancellationToken);
        // The live runner moves its checkpoint before it writes rows, so from here on it waits; then it finds itself overtaken.
        var live = await reader.Connection.Scalar<long>(
            "select coalesce((select position from platform.checkpoints where name = $1 for update), 0)", cancellationToken, projection.Name);
        if (reader.Position < live)
        {
            return false;
        }

        await reader.Connection.Execute(
            $"""
            {string.Concat(projection.Tables.Select(table => $"drop table views.{table}; alter table {schema}.{table} set schema views;\n"))}
            drop schema {schema};
            """,
            cancellationToken);
        await reader.Connection.Execute(
            """
            with gone as (delete from platform.checkpoints where name = $2)
            insert into platform.checkpoints (name, position) values ($1, $3) on conflict (name) do update set position = excluded.position
            """,
            cancellationToken, projection.Name, checkpoint, reader.Position);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }
}
