namespace LlmGateway.Hosting;

/// <summary>Marks endpoints whose requests count as <see cref="Work"/>.</summary>
internal sealed class CountsAsWork
{
    public static readonly CountsAsWork Metadata = new();
}

/// <summary>Lets a request in, if there is room for it, before anything of it is read.</summary>
internal sealed class WorkMiddleware(RequestDelegate next, Work work)
{
    public Task InvokeAsync(HttpContext context) =>
        context.GetEndpoint()?.Metadata.GetMetadata<CountsAsWork>() is null ? next(context) : CountedAsync(context);

    private async Task CountedAsync(HttpContext context)
    {
        // At the last moment: a refusal starts its headers anew, and who is answered during the drain need not come back here either.
        context.Response.OnStarting(CloseWhenDraining, context);
        work.Enter();
        try
        {
            await next(context);
        }
        finally
        {
            work.Exit();
        }
    }

    private Task CloseWhenDraining(object context)
    {
        if (work.IsDraining) ((HttpContext)context).Response.Headers.Connection = "close";
        return Task.CompletedTask;
    }
}
