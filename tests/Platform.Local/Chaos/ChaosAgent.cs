using System.Text.RegularExpressions;
using Platform.Testing;

namespace Platform.Local.Chaos;

/// <summary>A scrubber's agent in a namespace of its own, which can be killed; the kernel that it fills goes on meanwhile.</summary>
internal sealed partial class ChaosAgent : IAsyncDisposable
{
    public const string Token = "0123456789abcdef";

    private readonly NetworkNamespaces _spaces = new();
    private readonly TemporaryFolder _folder = new("chaos-agent");
    private readonly int _health = Loopback.FreePort();
    private string _space = "";
    private Uri? _controller;
    private string _keyFile = "";
    private ServerProcess? _process;

    public async Task Start(Uri controller, string verificationKeyFile)
    {
        (_controller, _keyFile, _space) = (controller, verificationKeyFile, await _spaces.Add("a"));
        Return();
    }

    /// <summary>kill -9.</summary>
    public Task Kill() => _process!.Kill();

    public void Return()
    {
        var program = Path.Combine(LocalService.ProgramFolder("scrubber"), "Platform.Scrubber");
        _process = ServerProcess.Start("scrubber", _folder.File("scrubber.log"), [program], new Dictionary<string, string?>
        {
            ["ASPNETCORE_CONTENTROOT"] = Path.GetDirectoryName(program),
            ["ASPNETCORE_URLS"] = null,
            ["Listen__Health"] = $"127.0.0.1:{_health}",
            ["Caller__VerificationKeyFile"] = _keyFile,
            ["Scrubber__Controller"] = _controller!.ToString(),
            ["Scrubber__Name"] = ChaosStories.Agents[0],
            ["Scrubber__Token"] = Token,
            ["Scrubber__NetworkNamespace"] = _space,
        });
    }

    /// <summary>What the kernel drops, each as <c>203.0.113.7 udp sport 123</c>; rules whose destination has run out drop nothing.</summary>
    public async Task<IReadOnlyList<string>> Filters()
    {
        var ruleset = await NetworkNamespaces.In(_space, "nft", "list", "ruleset");
        var destinations = Set().Matches(ruleset).ToDictionary(it => it.Groups["set"].Value, it => it.Groups["address"].Value);
        return
        [
            .. from Match it in Drop().Matches(ruleset)
               where destinations.ContainsKey(it.Groups["set"].Value)
               select $"{destinations[it.Groups["set"].Value]} {it.Groups["what"].Value}",
        ];
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await _process.DisposeAsync();
        }

        await _spaces.DisposeAsync();
        _folder.Dispose();
    }

    [GeneratedRegex(@"set (?<set>f[0-9a-f]{16}) \{[^}]*?elements = \{ (?<address>[0-9.]+)", RegexOptions.Singleline)]
    private static partial Regex Set();

    [GeneratedRegex(@"ip daddr @(?<set>f[0-9a-f]{16}) (?<what>.*?) ?counter name \S+ drop$", RegexOptions.Multiline)]
    private static partial Regex Drop();
}
