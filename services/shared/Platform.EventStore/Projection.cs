using Npgsql;

namespace Platform.EventStore;

/// <summary>Turns events into rows of a view. Deterministic: only the event and its recorded time, no clock, no other service.</summary>
public interface IProjection
{
    /// <summary>Name and version of the checkpoint, for example <c>active_mitigations_v1</c>. A change of meaning is a new name.</summary>
    string Name { get; }

    /// <summary>
    /// Tables that are the view, without their schema <c>views</c>, which the statements name. A rebuild makes them anew. Default: one,
    /// named as the projection.
    /// </summary>
    IReadOnlyList<string> Tables => [Name];

    /// <summary>Adds the statements that this event means for the view. Rows and checkpoint commit together.</summary>
    void Project(RecordedEvent recorded, SqlBatch sql);
}

/// <summary>SQL statements that go to the server in one round trip.</summary>
public sealed class SqlBatch
{
    private readonly NpgsqlBatch _batch;
    private readonly Func<string, string> _place;

    internal SqlBatch(NpgsqlBatch batch, Func<string, string> place) => (_batch, _place) = (batch, place);

    /// <summary>Number of statements added.</summary>
    public int Count => _batch.BatchCommands.Count;

    /// <summary>Adds a statement; every hole of the interpolated text becomes a parameter, so it cannot be injected into.</summary>
    public void Add(FormattableString statement)
    {
        var command = new NpgsqlBatchCommand();
        var names = new object[statement.ArgumentCount];
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = $"${i + 1}";
            command.Parameters.Add(new NpgsqlParameter { Value = Stored(statement.GetArgument(i)) });
        }

        command.CommandText = string.Format(System.Globalization.CultureInfo.InvariantCulture, _place(statement.Format), names);
        _batch.BatchCommands.Add(command);
    }

    /// <summary>Tenants are stored as their text, enums as integers as in the events, instants in UTC.</summary>
    private static object Stored(object? value) => value switch
    {
        null => DBNull.Value,
        TenantId tenant => tenant.Value,
        Enum constant => Convert.ToInt32(constant, System.Globalization.CultureInfo.InvariantCulture),
        DateTimeOffset instant => instant.ToUniversalTime(),
        _ => value,
    };
}
