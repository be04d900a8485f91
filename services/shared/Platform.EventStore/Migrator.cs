using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using Npgsql;

namespace Platform.EventStore;

/// <summary>Brings a service's database up to date: the store's scripts, then the service's own. Forward only.</summary>
/// <remarks>
/// Scripts are embedded resources <c>Schema/NNNN_name.sql</c>, run in the order of their names, each in one transaction and recorded
/// with its checksum in <c>platform.migrations</c>. Several replicas may start at once: an advisory lock lets one work.
/// </remarks>
public sealed class Migrator(NpgsqlDataSource database, TimeProvider clock)
{
    private const long Lock = 0x706C6174666F726D; // "platform"

    /// <summary>Runs what is new in the store and in the assemblies given.</summary>
    /// <returns>Names of the scripts that ran, oldest first; empty when everything was there.</returns>
    /// <exception cref="InvalidOperationException">A script that already ran was edited since.</exception>
    public async Task<IReadOnlyList<string>> Migrate(CancellationToken cancellationToken, params Assembly[] services)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.Execute("select pg_advisory_lock($1)", cancellationToken, Lock);
        try
        {
            await connection.Execute("create schema if not exists platform", cancellationToken);
            await connection.Execute(
                "create table if not exists platform.migrations (name varchar primary key, checksum varchar not null, applied_at timestamptz not null)",
                cancellationToken);
            var ran = new List<string>();
            foreach (var script in new[] { typeof(Migrator).Assembly }.Concat(services).Distinct().SelectMany(ScriptsOf))
            {
                if (await Run(connection, script, cancellationToken))
                {
                    ran.Add(script.Name);
                }
            }

            return ran;
        }
        finally
        {
            await connection.Execute("select pg_advisory_unlock($1)", CancellationToken.None, Lock);
        }
    }

    private async Task<bool> Run(NpgsqlConnection connection, Script script, CancellationToken cancellationToken)
    {
        var checksum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(script.Sql)));
        await using var known = connection.Command("select checksum from platform.migrations where name = $1", script.Name);
        if (await known.ExecuteScalarAsync(cancellationToken) is string recorded)
        {
            return recorded == checksum
                ? false
                : throw new InvalidOperationException($"{script.Name} was edited after it ran. Add a new script instead.");
        }

        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.Execute(script.Sql, cancellationToken);
        await connection.Execute(
            "insert into platform.migrations (name, checksum, applied_at) values ($1, $2, $3)",
            cancellationToken, script.Name, checksum, clock.GetUtcNow());
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    private static IEnumerable<Script> ScriptsOf(Assembly assembly) =>
        from resource in assembly.GetManifestResourceNames()
        where resource.Contains(".Schema.", StringComparison.Ordinal) && resource.EndsWith(".sql", StringComparison.Ordinal)
        orderby resource
        select new Script(resource, new StreamReader(assembly.GetManifestResourceStream(resource)!).ReadToEnd());

    private sealed record Script(string Name, string Sql);
}
