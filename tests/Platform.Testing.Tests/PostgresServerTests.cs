using Npgsql;

namespace Platform.Testing.Tests;

public sealed class PostgresServerTests(PostgresServer server, PostgresDatabase database) : IClassFixture<PostgresDatabase>
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_test_class_owns_a_database_of_its_own()
    {
        await using var command = database.DataSource.CreateCommand("create table mine (id int); select current_user || '@' || current_database()");

        Assert.Equal($"{database.Name}@{database.Name}", await command.ExecuteScalarAsync(Token));
    }

    [Fact]
    public async Task A_role_cannot_open_the_database_of_another()
    {
        var (name, password) = (Secrets.Name("other"), Secrets.Password());
        var other = await server.CreateDatabase(name, password, Token);
        try
        {
            var intruder = new NpgsqlConnectionStringBuilder(other) { Database = database.Name, Pooling = false }.ConnectionString;
            await using var connection = new NpgsqlConnection(intruder);

            var refused = await Assert.ThrowsAsync<PostgresException>(() => connection.OpenAsync(Token));

            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
        finally
        {
            await server.DropDatabase(name);
        }
    }

    [Fact]
    public async Task What_was_committed_is_there_after_a_kill_and_a_restart()
    {
        await using var own = PostgresServer.Own();
        await own.InitializeAsync();
        await Execute(own, "create table kept (id int); insert into kept values (7)");

        await own.Kill();
        await own.Start();

        Assert.Equal(7, await Execute(own, "select id from kept"));
        await own.Stop();
        await own.Start();
        Assert.Equal(7, await Execute(own, "select id from kept"));
    }

    private static async Task<object?> Execute(PostgresServer server, string sql)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString + ";Pooling=false");
        await connection.OpenAsync(Token);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync(Token);
    }
}
