using Npgsql;

namespace Platform.EventStore;

/// <summary>Statements with their values, in the order of <c>$1</c>, <c>$2</c>.</summary>
internal static class Sql
{
    public static NpgsqlCommand Command(this NpgsqlConnection connection, string text, params object[] values) =>
        With(new NpgsqlCommand(text, connection), values);

    public static NpgsqlCommand Command(this NpgsqlDataSource database, string text, params object[] values) =>
        With(database.CreateCommand(text), values);

    public static async Task Execute(
        this NpgsqlConnection connection, string text, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = connection.Command(text, values);
        command.CommandTimeout = 0;
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    public static async Task<T> Scalar<T>(
        this NpgsqlConnection connection, string text, CancellationToken cancellationToken, params object[] values)
    {
        await using var command = connection.Command(text, values);
        return (T)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private static NpgsqlCommand With(NpgsqlCommand command, object[] values)
    {
        command.Parameters.AddRange(Array.ConvertAll(values, value => new NpgsqlParameter { Value = value }));
        return command;
    }
}
