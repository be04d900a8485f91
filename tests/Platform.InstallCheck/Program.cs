using Platform.InstallCheck;

// Looks at an installation from outside, as a customer's router and a provider's operator would: `helm test` runs it.
var builder = WebApplication.CreateBuilder(args);
builder.Logging.AddSimpleConsole(console => { console.SingleLine = true; console.TimestampFormat = "HH:mm:ss.fff "; });
builder.Logging.AddFilter("Microsoft", LogLevel.Warning);
builder.Services.AddOptions<CheckOptions>().BindConfiguration(CheckOptions.Section).ValidateDataAnnotations();
builder.Services.AddSingleton(TimeProvider.System);
builder.Services.AddSingleton<InstallCheck>();
builder.Services.AddSingleton<PortScan>();

await using var app = builder.Build();
return app.Configuration["Check:Scan"] is { Length: > 0 }
    ? await app.Services.GetRequiredService<PortScan>().Run()
    : await app.Services.GetRequiredService<InstallCheck>().Run();
