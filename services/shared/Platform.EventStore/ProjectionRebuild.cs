using System.Text.RegularExpressions;
using Npgsql;

namespace Platform.EventStore;

public sealed partial class ProjectionRunner
{
    /// <summary>
    /// Builds the view anew from the first event, beside the live one, which goes on and is read meanwhile; then puts the new tables
    /// in its place in one transaction. For a view whose rows are wrong; a view whose meaning changes gets a new name instead.
    /// </summary>
    /// <remarks>
    /// The copy has the columns, defaults, identities, indexes and checks of the live tables, but no foreign keys, triggers or grants.
    /// Where the projection's statements name a table of the view they mean the copy, meanwhile. Interrupted, it begins again,
    /// and so it does when something is erased meanwhile, whose rows the copy has.
    /// </remarks>
    /// <exception cref="UnappliedEventException">An event cannot be applied; the live view is as before.</exception>
    public async Task Rebuild(CancellationToken cancellationToken)
    {
        while (!await BuildAnew(cancellationToken))
        {
            Log.RebuildBeginsAgain(log, projection.Name);
        }
    }

    /// <returns>False when someone erased meanwhile: the copy may have rows of what is gone.</returns>
    private async Task<bool> BuildAnew(CancellationToken cancellationToken)
    {
        try
        {
            await Copy(cancellationToken);
            return true;
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected)
        {
            return false;
        }
        finally
        {
            await DropLeftCopies();
        }
    }

    private async Task Copy(CancellationToken cancellationToken)
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
        var erasing = await reader.Connection.Scalar<long>("select steps from platform.erasing", cancellationToken);
        var head = await reader.Connection.Scalar<long>(EventFeed.Head, cancellationToken);
        while (!await Switch(reader, schema, checkpoint, erasing, head, cancellationToken))
        {
            await Apply(await reader.Next(cancellationToken), statement => tables.Replace(statement, $"{schema}."), cancellationToken);
        }
    }

    /// <summary>Puts the new tables in place if they show at least what the live ones show, and all that was there when they were begun.</summary>
    private async Task<bool> Switch(
        FeedReader reader, string schema, string checkpoint, long erasing, long head, CancellationToken cancellationToken)
    {
        await using var transaction = await reader.Connection.BeginTransactionAsync(cancellationToken);
        // The live runner moves its checkpoint before it writes rows, so from here on it waits; then it finds itself overtaken.
        var live = await reader.Connection.Scalar<long>(
            "select coalesce((select position from platform.checkpoints where name = $1 for update), 0)", cancellationToken, projection.Name);
        // From here on an erasure waits as well, and deletes its rows from the new tables.
        await reader.Connection.Execute("select platform.unerased_since($1)", cancellationToken, erasing);
        // The newest event may have been erased after the live view passed it: then there is nothing to wait for.
        if (reader.Position < Math.Min(Math.Max(live, head), await reader.Connection.Scalar<long>(EventFeed.Head, cancellationToken)))
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

    /// <summary>Nothing is left after the switch; after a failure the rows must not outlive an erasure.</summary>
    private async Task DropLeftCopies()
    {
        try
        {
            await using var drop = store.Database.CreateCommand("select platform.drop_left_copies()");
            await drop.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (Exception e) when (e is NpgsqlException or InvalidOperationException)
        {
            // The database is away: the next erasure does it.
        }
    }
}
