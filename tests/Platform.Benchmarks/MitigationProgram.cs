using Platform.Testing;

namespace Platform.Benchmarks;

/// <summary>The mitigation program as a process of its own, which can be killed and started again.</summary>
internal sealed class MitigationProgram(string program, IReadOnlyDictionary<string, string?> environment, int health, string log) : IAsyncDisposable
{
    private ServerProcess? _process;

    public static async Task<MitigationProgram> Start(
        PostgresServer postgres, RabbitMqVirtualHost rabbit, GoBgpServer speaker, int grpc, TemporaryFolder folder)
    {
        var program = System.IO.Path.Combine(Repository.Path("artifacts", "bin", "Platform.Mitigation", "release"), "Platform.Mitigation");
        var health = Loopback.FreePort();
        var environment = new Dictionary<string, string?>
        {
            ["ASPNETCORE_CONTENTROOT"] = System.IO.Path.GetDirectoryName(program),
            ["ASPNETCORE_URLS"] = null,
            ["ConnectionStrings__Postgres"] = await postgres.CreateDatabase("mitigation", Secrets.Password()),
            ["RabbitMq__Host"] = rabbit.Host,
            ["RabbitMq__Port"] = $"{rabbit.Port}",
            ["RabbitMq__VirtualHost"] = rabbit.Name,
            ["RabbitMq__User"] = rabbit.User,
            ["RabbitMq__Password"] = rabbit.Password,
            ["Listen__Health"] = $"127.0.0.1:{health}",
            ["Listen__Grpc"] = $"127.0.0.1:{grpc}",
            ["Caller__VerificationKeyFile"] = folder.File("verify.pem"),
            ["Sealing__KeyFile"] = folder.File("sealing.keys"),
            ["Bgp__Speakers__0__Name"] = "edge",
            ["Bgp__Speakers__0__Address"] = speaker.Api.ToString(),
            ["Bgp__Speakers__0__FlowSpec"] = "true",
            ["Mitigations__DefaultSteps__0"] = "Blackhole",
            ["Mitigations__BlackholeFrom"] = "Low",
            ["Mitigations__MaxCountermeasures"] = "5000",
            ["Mitigations__MaxCountermeasuresPerTenant"] = "5000",
        };
        await using (var migrate = ServerProcess.Start("mitigation migrate", folder.File("migrate.log"), [program, "migrate"], environment))
        {
            if (await migrate.Ended(TimeSpan.FromMinutes(2)) is not 0)
            {
                throw new InvalidOperationException(migrate.LogTail());
            }
        }

        var started = new MitigationProgram(program, environment, health, folder.File("mitigation.log"));
        started.Start();
        await started.Ready();
        return started;
    }

    public void Start() => _process = ServerProcess.Start("mitigation", log, [program], environment);

    public Task Kill() => _process!.Kill();

    public async Task Ready()
    {
        using var http = new HttpClient(new SocketsHttpHandler());
        await _process!.Ready(
            async token =>
            {
                try
                {
                    using var answer = await http.GetAsync(new Uri($"http://127.0.0.1:{health}/healthz/ready"), token);
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(60));
    }

    public ValueTask DisposeAsync() => _process?.DisposeAsync() ?? ValueTask.CompletedTask;
}
